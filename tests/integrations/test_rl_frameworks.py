"""verl and OpenRLHF: their calls replayed as their sources make them (verl 0.9, OpenRLHF 0.11)."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from personalrm import Client
from personalrm.errors import DataError
from personalrm.integrations import verl
from personalrm.integrations.openrlhf import reward_function, user_of
from personalrm.profile.file import load

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ASKED = "How long does pasta take?"
BRIEF, VAGUE = "Nine minutes.", "That may depend on many things! Perhaps check the packet, and enjoy!"
PROMPT = f"<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n"


def row(text: str, user: str | None = "mira") -> dict[str, object]:
    """What verl's reward manager passes, by keyword."""
    told = {"num_turns": None, "rollout_reward_scores": {}, "prompt": [{"role": "user", "content": ASKED}]}
    if user is not None:
        told["user_id"] = user
    return {"data_source": "mine", "solution_str": text, "ground_truth": None, "extra_info": told}


def test_verl_sync_in_a_worker_thread_and_async_agree(mira_profiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(verl.PROFILES, str(mira_profiles))
    assert not inspect.iscoroutinefunction(verl.compute_score)
    assert inspect.iscoroutinefunction(verl.acompute_score)

    async def as_verl_calls(text: str) -> tuple[dict[str, float], dict[str, float]]:
        loop = asyncio.get_running_loop()
        extra = {"reward_router_address": "localhost:1", "reward_model_tokenizer": None}
        sync = await loop.run_in_executor(None, partial(verl.compute_score, **row(text), **extra))
        return sync, await verl.acompute_score(**row(text), **extra)

    brief, vague = asyncio.run(as_verl_calls(BRIEF)), asyncio.run(as_verl_calls(VAGUE))
    assert brief[0] == brief[1]
    assert brief[0]["score"] > vague[0]["score"]
    assert brief[0]["unscored"] == 0.0


def test_verl_without_a_profile_is_unscored_and_without_a_user_refused(
    mira_profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(verl.PROFILES, str(mira_profiles))
    assert verl.compute_score(**row(BRIEF, "nobody")) == {"score": 0.0, "unscored": 1.0}
    with pytest.raises(DataError, match="user_id"):
        verl.compute_score(**row(BRIEF, None))
    monkeypatch.delenv(verl.PROFILES)
    with pytest.raises(DataError, match=verl.PROFILES):
        verl.compute_score(**row(BRIEF))


def test_verl_batch_manager_gets_a_number_for_each_row(mira_profiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its arguments are plural, the columns may be arrays, and older versions count a mapping as 0."""
    monkeypatch.setenv(verl.PROFILES, str(mira_profiles))
    rows = [row(BRIEF), row(VAGUE), row(BRIEF, "nobody")]
    extras = np.array([one["extra_info"] for one in rows], dtype=object)
    texts = [str(one["solution_str"]) for one in rows]
    sources = np.array(["mine"] * 3, dtype=object)
    found = verl.compute_scores(
        data_sources=sources, solution_strs=texts, ground_truths=[None] * 3, extra_infos=extras, more=1
    )
    assert found == [verl.compute_score(**one)["score"] for one in rows]
    assert found[0] > found[2] == 0.0 > found[1]
    with pytest.raises(DataError, match="user_id"):
        verl.compute_scores(["mine"], [BRIEF], [None], [None])
    assert verl.compute_scores([], [], [], []) == []


def test_verl_raw_rewards_are_the_scores(mira_profiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(verl.PROFILES, str(mira_profiles))
    monkeypatch.setenv(verl.RAW, "1")
    expected = Client().score(load(mira_profiles / "mira.json"), ASKED, BRIEF)
    assert verl.compute_score(**row(BRIEF))["score"] == expected


def test_openrlhf_loads_the_file_and_gives_one_reward_a_query(mira_profiles: Path, tmp_path: Path) -> None:
    """The file is loaded by path; each call has one query with special tokens, its prompt and its label."""
    path = tmp_path / "reward.py"
    path.write_text(
        "from personalrm.integrations.openrlhf import reward_function\n"
        f"reward_func = reward_function({str(mira_profiles)!r})\n",
        "utf-8",
    )
    spec = importlib.util.spec_from_file_location("reward_func", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = [module.reward_func([f"{PROMPT}{text}<|im_end|>"], [PROMPT], ["mira"]) for text in (BRIEF, VAGUE)]
    assert found[0]["rewards"][0] > found[1]["rewards"][0]
    assert found[0]["scores"] == found[0]["rewards"]
    assert found[0]["extra_logs"] == {"unscored": [0.0]}


def test_openrlhf_special_tokens_change_nothing_and_empty_lists_are_answered(mira_profiles: Path) -> None:
    reward = reward_function(mira_profiles, standardise=False, user="mira")
    plain = Client().score(load(mira_profiles / "mira.json"), ASKED, BRIEF)
    assert reward([f"<|endoftext|>{PROMPT}{BRIEF}<|im_end|>"], [PROMPT], [None])["rewards"] == [plain]
    assert reward([], [], [], images=None) == {"rewards": [], "scores": [], "extra_logs": {"unscored": []}}


@pytest.mark.parametrize(
    ("label", "user"),
    [
        ("ada", "ada"),
        ({"user_id": "ada"}, "ada"),
        ('{"user_id": "ada"}', "ada"),
        (None, None),
        ("{no json", "{no json"),
    ],
)
def test_the_user_stands_in_the_label(label: object, user: str | None) -> None:
    assert user_of(label) == user
