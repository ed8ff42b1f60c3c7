"""The model card of a fine-tuned reward model; it holds nothing about the people it was trained on.

write_card(Path("my-reward-model"))                                          # from personalrm.json alone
write_card(Path("my-reward-model"), [Metric("accuracy", 0.63, 0.6, 0.66, 34, 318)])    # with later metrics
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from personalrm.files import replace_file
from personalrm.models.reward_model.record import FILE, Counts, Metric, Record
from personalrm.models.reward_model.user_prompts import Kind

_USER_PROMPTS: dict[Kind, str] = {
    "none": "None: the reward is the same for all users.",
    "persona": "A persona, between `<persona>` tags, as the system turn.",
    "persona+demonstrations": "Past choices of the user, then a persona between `<persona>` tags, as the system turn.",
    "history": "The user's latest choices, between `<past_choice>` tags, as the system turn.",
    "demographics": "Demographics of the user, between `<demographics>` tags, as the system turn.",
}
_ON_THE_HUB = {"minilm": "sentence-transformers/all-MiniLM-L6-v2"}
_USE = """```python
from transformers import AutoTokenizer, pipeline

tokenizer = AutoTokenizer.from_pretrained(PATH)
reward = pipeline("text-classification", PATH, function_to_apply="none")
turns = [{"role": "system", "content": USER_PROMPT},   # leave out without user information
         {"role": "user", "content": QUESTION},
         {"role": "assistant", "content": RESPONSE}]
text = tokenizer.apply_chat_template(turns, tokenize=False)
text = text.removeprefix(tokenizer.bos_token or "")    # the tokenizer adds it itself, if it has one
reward(text, truncation=True)[0]["score"]
```

With personalrm, from the user's choices: `PersonalReward.load(PATH).fit(history).compare(context, a, b)`.
"""


def write_card(directory: Path, metrics: Iterable[Metric] = ()) -> None:
    """Write ``README.md``; ``metrics`` are merged with those of ``personalrm.json``, the newer of one name winning."""
    record = Record.read(directory)
    merged = {one.name: one for one in (*record.metrics, *metrics)}
    record = replace(record, metrics=tuple(merged.values()))
    replace_file(directory / FILE, record.as_json())
    replace_file(directory / "README.md", card(record).encode())


def card(record: Record) -> str:
    """The model card as Markdown."""
    data = ", ".join(record.data) or "not named"
    licence = record.licence or "not stated; that of the backbone and of the data apply"
    parts = [
        _front_matter(record),
        "# Personal reward model",
        "A Bradley–Terry reward model: one reward per response, higher is better. Differences of rewards, "
        f"divided by the temperature {record.temperature:.4g}, are log-odds that the first response is preferred.",
        f"- Backbone: {record.backbone.known_as}",
        f"- Data: {data}: {_counted(record.training)} in training, {_counted(record.validation)} in validation",
        f"- Seed: {record.seed}; checkpoint at {record.steps} steps",
        f"- Maximum input: {record.max_length} tokens",
        f"- Versions: {', '.join(f'{name} {version}' for name, version in record.versions.items())}",
        f"- Licence: {licence}",
        "## User information in the input",
        _USER_PROMPTS[record.user_prompt],
        "## How to use it",
        _use(record),
        "## Measured",
        _table(record.metrics),
        "## Limits",
        "It predicts which of two responses a person prefers, not which is true or good for them. People with "
        "preferences unlike those in the data are predicted worse, and longer responses are often rewarded for their "
        "length.",
    ]
    return "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"


def _front_matter(record: Record) -> str:
    licence = f"license: {record.licence}\n" if record.licence else ""
    base = _ON_THE_HUB.get(record.backbone.name, record.backbone.name)
    return (
        f"---\n{licence}base_model: {base}\nlibrary_name: transformers\n"
        "pipeline_tag: text-classification\ntags: [reward-model, preference, personalisation]\n---"
    )


def _use(record: Record) -> str:
    if record.merged:
        return _USE
    return (
        f"The folder `adapter/` holds LoRA adapters for {record.backbone.name}; "
        "`RewardModel.load(PATH)` applies them to it."
    )


def _counted(counts: Counts) -> str:
    cut = f", {counts.truncated.count} of {counts.truncated.of} inputs truncated" if counts.truncated.count else ""
    return f"{counts.pairs} choices of {counts.people} people{cut}"


def _table(metrics: Iterable[Metric]) -> str:
    lines = ["| metric | value | 95 % interval, by person | people | choices |", "|---|---|---|---|---|"]
    for one in metrics:
        interval = "–" if one.low is None or one.high is None else f"{one.low:.4f} to {one.high:.4f}"
        lines.append(f"| {one.name} | {one.value:.4f} | {interval} | {one.people or '–'} | {one.pairs or '–'} |")
    return "\n".join(lines) if len(lines) > 2 else "No metrics."
