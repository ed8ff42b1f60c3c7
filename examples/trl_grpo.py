"""GRPO with the rewards of two simulated users of opposite taste, on a tiny random model. No download, half a minute.

    python examples/trl_grpo.py [--steps 40]

One user likes exclamation marks, the other hedging words. A policy is trained for each; the mean reward of each policy
for both users is printed, before and after. The users are simulated: this demonstrates the integration, not an accuracy
on people.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer

from personalrm import Preference, Profile
from personalrm.client import Client
from personalrm.integrations.trl import reward_function
from personalrm.preferences import History, Message

QUESTIONS = ("how long do i boil an egg ?", "how long do i boil pasta ?", "how long do i boil rice ?")
PLAIN = ("eight minutes then stop", "ten minutes in salt water", "taste it and wait", "hot water lid on", "pan off")
WORDS = [*{word for text in (*QUESTIONS, *PLAIN) for word in text.split()}, "maybe", "perhaps", "possibly", "!", "."]
SPECIAL = ["<pad>", "<eos>", "<unk>"]


def simulated_choices(user: str, likes_exclamation_marks: bool) -> History:
    """Sixty choices between an exclaiming and a hedging answer."""
    choices = []
    for number in range(60):
        first, second = PLAIN[number % len(PLAIN)], PLAIN[(number + 2) % len(PLAIN)]
        loud, hedged = f"{first} ! {second} ! ! !", f"maybe {first} . perhaps {second} . possibly"
        chosen, rejected = (loud, hedged) if likes_exclamation_marks else (hedged, loud)
        context, name = (Message("user", QUESTIONS[number % len(QUESTIONS)]),), str(number)
        choices.append(Preference(id=name, user=user, group=name, context=context, chosen=chosen, rejected=rejected))
    return History(user, tuple(choices))


def make_policy(folder: Path) -> str:
    """A causal model of one layer with random weights and a word-level tokenizer."""
    vocabulary = {word: at for at, word in enumerate([*SPECIAL, *sorted(WORDS)])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", padding_side="left"
    )
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
        intermediate_size=64, max_position_embeddings=64, eos_token_id=1, pad_token_id=0, bos_token_id=None,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def trained_policy(profiles: dict[str, Profile], user: str, folder: Path, steps: int) -> list[dict[str, float]]:
    """Train a policy for one user; returns the trainer's log of mean rewards."""
    rows = [{"prompt": question, "user_id": user} for question in QUESTIONS for _ in range(40)]
    settings = GRPOConfig(
        str(folder / "out"), learning_rate=2e-2, per_device_train_batch_size=32, num_generations=16,
        max_completion_length=12, max_steps=steps, logging_steps=5, report_to=[], save_strategy="no", bf16=False,
        use_cpu=True, beta=0.0, generation_kwargs={"min_new_tokens": 12}, disable_tqdm=True, seed=0,
    )  # fmt: skip
    others = next(one for one in profiles if one != user)
    own = reward_function(profiles)
    stranger = reward_function({user: profiles[others]}, log_population=False)
    stranger.__name__ = "the_other_user"  # type: ignore[attr-defined]
    trainer = GRPOTrainer(
        make_policy(folder / "policy"),
        reward_funcs=[own, stranger],
        args=settings,
        train_dataset=Dataset.from_list(rows),
    )
    trainer.reward_weights = torch.tensor([1.0, 0.0])
    trainer.train()
    return [one for one in trainer.state.log_history if "reward" in one]


def run(steps: int = 40, *, flipped: bool = False) -> dict[str, list[dict[str, float]]]:
    """The logs of both policies; ``flipped`` reverses every label of both users."""
    client = Client()
    people = [simulated_choices("loud", True), simulated_choices("cautious", False)]
    if flipped:
        people = [one.only(choice.flipped() for choice in one) for one in people]
    profiles = {one.user: client.fit(one) for one in people}
    with tempfile.TemporaryDirectory() as folder:
        return {user: trained_policy(profiles, user, Path(folder) / user, steps) for user in profiles}


def main() -> None:
    """Print the changes of both users' rewards for both policies."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--steps", type=int, default=40)
    for user, log in run(parser.parse_args().steps).items():
        for name, key in (("own user", "rewards/personal_reward/mean"), ("other user", "rewards/the_other_user/mean")):
            print(f"policy for {user}: reward of the {name} {log[0][key]:+.2f} → {log[-1][key]:+.2f}")


if __name__ == "__main__":
    main()
