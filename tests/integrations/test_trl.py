"""TRL: rewards as its trainers call them, a real GRPO run on a tiny model, the judge, preference rows."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from personalrm.client import Client
from personalrm.data.simulated import simulate_people
from personalrm.errors import DataError
from personalrm.integrations.trl import (
    METRIC,
    PersonalJudge,
    async_reward_function,
    preference_rows,
    reward_function,
)
from personalrm.preferences import History
from personalrm.profile.file import save
from personalrm.profile.records import Profile

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/trl_grpo.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("trl_grpo", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def two_users(example: ModuleType) -> dict[str, History]:
    """Two simulated users of opposite taste."""
    return {user: example.simulated_choices(user, user == "loud") for user in ("loud", "cautious")}


@pytest.fixture(scope="module")
def profiles(two_users: Mapping[str, History]) -> dict[str, Profile]:
    return {user: Client().fit(history) for user, history in two_users.items()}


PROMPTS = ["how long do i boil rice ?"] * 4
COMPLETIONS = ["maybe ten minutes .", "ten minutes ! ! !", "maybe ten minutes .", "ten minutes ! ! !"]
USERS = ["loud", "loud", "cautious", "cautious"]


def test_each_user_is_rewarded_by_their_own_taste(profiles: Mapping[str, Profile]) -> None:
    found = reward_function(profiles)(prompts=PROMPTS, completions=COMPLETIONS, completion_ids=[], user_id=USERS)
    assert found[1] > found[0]
    assert found[2] > found[3]


def test_plain_and_conversational_rows_and_the_async_form_agree(profiles: Mapping[str, Profile]) -> None:
    plain = reward_function(profiles)(PROMPTS, COMPLETIONS, user_id=USERS)
    prompts = [[{"role": "user", "content": one}] for one in PROMPTS]
    completions = [[{"role": "assistant", "content": one}] for one in COMPLETIONS]
    assert reward_function(profiles)(prompts, completions, user_id=USERS) == plain
    assert asyncio.run(async_reward_function(profiles)(PROMPTS, COMPLETIONS, user_id=USERS)) == plain


def test_z_scores_against_the_own_history_have_mean_zero_and_deviation_one(
    two_users: Mapping[str, History], profiles: Mapping[str, Profile]
) -> None:
    for user, history in two_users.items():
        texts = [(one.context, text) for one in history for text in (one.chosen, one.rejected)]
        prompts = [[{"role": turn.role, "content": turn.content} for turn in context] for context, _ in texts]
        found = reward_function(profiles)(prompts, [text for _, text in texts], user_id=[user] * len(texts))
        mean = sum(found) / len(found)
        assert mean == pytest.approx(0.0, abs=1e-9)
        assert sum((one - mean) ** 2 for one in found) / len(found) == pytest.approx(1.0)


def test_raw_rewards_are_the_client_s_scores(profiles: Mapping[str, Profile]) -> None:
    found = reward_function(profiles, standardise=False)(PROMPTS, COMPLETIONS, user_id=USERS)
    client = Client()
    assert found == [
        client.score(profiles[user], prompt, text)
        for user, prompt, text in zip(USERS, PROMPTS, COMPLETIONS, strict=True)
    ]


def test_a_user_without_a_profile_is_none_and_the_others_are_not(profiles: Mapping[str, Profile]) -> None:
    found = reward_function(profiles)(PROMPTS, COMPLETIONS, user_id=["loud", "nobody", None, "cautious"])
    assert [one is None for one in found] == [False, True, True, False]


def test_the_population_s_reward_is_logged_and_not_added(profiles: Mapping[str, Profile]) -> None:
    logged: dict[str, float] = {}
    with_log = reward_function(profiles)(PROMPTS, COMPLETIONS, user_id=USERS, log_metric=logged.__setitem__)
    assert list(logged) == [METRIC]
    assert with_log == reward_function(profiles)(PROMPTS, COMPLETIONS, user_id=USERS)


def test_a_missing_column_names_those_there_are(profiles: Mapping[str, Profile]) -> None:
    with pytest.raises(DataError, match=r"'person'.*user_id"):
        reward_function(profiles, column="person")(PROMPTS, COMPLETIONS, user_id=USERS)


def test_profiles_come_from_a_folder_of_files_paths_or_a_client(
    profiles: Mapping[str, Profile], tmp_path: Path
) -> None:
    for user, profile in profiles.items():
        save(profile, tmp_path / f"{user}.json")
    asked = {"prompts": PROMPTS, "completions": COMPLETIONS, "user_id": USERS}
    expected = reward_function(profiles)(**asked)
    assert reward_function(tmp_path)(**asked) == expected
    assert reward_function({user: tmp_path / f"{user}.json" for user in profiles})(**asked) == expected
    assert reward_function(Client(profiles=tmp_path))(**asked) == expected
    with pytest.raises(DataError, match="no profiles"):
        reward_function(Client())
    with pytest.raises(DataError, match="nowhere"):
        reward_function(tmp_path / "nowhere")


def test_the_judge_names_the_best_completion_in_any_order(profiles: Mapping[str, Profile]) -> None:
    some = [["maybe ten minutes .", "ten minutes ! ! !", "perhaps ten minutes . wait ."]] * 8
    prompts = PROMPTS[:1] * 8
    assert PersonalJudge(profiles, user="loud").judge(prompts, some) == [1] * 8
    assert 1 not in PersonalJudge(profiles).judge(prompts, some, users=["cautious"] * 8)
    assert PersonalJudge(profiles, user="nobody").judge(prompts, some) == [-1] * 8
    assert PersonalJudge(profiles, user="loud").judge([], []) == []
    with pytest.raises(DataError, match="2 users"):
        PersonalJudge(profiles).judge(prompts, some)


def test_preference_rows_tell_of_the_user_from_other_choices_only() -> None:
    [person] = simulate_people(1, choices=8, response_tokens=40)
    rows = list(preference_rows([person], "history"))
    assert len(rows) == len(person.decided)
    for row in rows:
        assert row["prompt"][0]["role"] == "system"
        assert row["chosen"][0]["content"] not in row["prompt"][0]["content"]
        assert row["user_id"] == person.user


def test_trl_is_imported_by_no_other_module() -> None:
    program = "import sys; import personalrm.integrations.trl; print('trl' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("steps", "least", "flipped"),
    [(14, 0.3, False), *(pytest.param(30, 0.8, one, marks=pytest.mark.slow) for one in (False, True))],
)
def test_grpo_raises_the_own_user_s_reward_and_not_the_other_s(
    example: ModuleType, steps: int, least: float, flipped: bool
) -> None:
    """Two policies of a tiny random model under TRL's GRPOTrainer; a flip of all labels swaps the users' tastes."""
    for log in example.run(steps=steps, flipped=flipped).values():
        own = log[-1]["rewards/personal_reward/mean"] - log[0]["rewards/personal_reward/mean"]
        other = log[-1]["rewards/the_other_user/mean"] - log[0]["rewards/the_other_user/mean"]
        assert own > least
        assert other < own / 4
        assert METRIC in log[-1]
