"""What training loops pass when something went wrong: one clear sentence, or no score; never a score for nothing."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personalrm import Client
from personalrm.errors import DataError, PersonalrmError
from personalrm.integrations import openrlhf, promptfoo, verl
from personalrm.integrations.lm_evaluation_harness import process_results
from personalrm.integrations.trl import PersonalJudge, async_reward_function, reward_function
from personalrm.profile.file import load

ASKED, BRIEF = "How long does pasta take?", "Nine minutes."
TURN = {"role": "assistant", "content": BRIEF}


def reward(profiles: Any, *completions: Any, **columns: Any) -> list[float | None]:
    given = {"user_id": ["mira"] * len(completions), **columns}
    return reward_function(profiles, log_population=False)([ASKED] * len(completions), list(completions), **given)


@pytest.mark.parametrize("nothing", [None, []])
def test_a_completion_that_is_missing_is_unscored_everywhere(
    nothing: Any, mira_profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(verl.PROFILES, str(mira_profiles))
    [missing, scored] = reward(mira_profiles, nothing, BRIEF)
    assert missing is None
    assert scored == reward(mira_profiles, BRIEF)[0]
    assert PersonalJudge(mira_profiles).judge([ASKED] * 2, [[nothing, BRIEF], [nothing, nothing]]) == [1, -1]
    assert verl.compute_score("d", nothing, None, {"user_id": "mira"}) == {"score": 0.0, "unscored": 1.0}
    found = openrlhf.reward_function(mira_profiles)([None, BRIEF], [None, ASKED], ["mira", "mira"])
    assert found["extra_logs"]["unscored"] == [1.0, 0.0]
    assert process_results({"user_id": "mira", "question": ASKED}, nothing or []) == {}
    assert process_results({"user_id": "mira", "question": ASKED}, [None]) == {}
    assert promptfoo.get_assert(None, {"vars": {"user_id": "mira"}})["pass"] is False


def test_contents_in_parts_are_read_as_their_text(mira_profiles: Path) -> None:
    plain = reward(mira_profiles, BRIEF)
    picture = {"type": "image_url", "image_url": {"url": "data:"}}
    for content in (
        [{"type": "text", "text": BRIEF}, picture],
        ["Nine ", "minutes."],
        [{"text": BRIEF}, {"text": None}],
    ):
        assert reward(mira_profiles, [{"role": "assistant", "content": content}]) == plain
    assert reward(mira_profiles, np.array([TURN], dtype=object)) == plain
    as_json = promptfoo.preference
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(promptfoo.PROFILES, str(mira_profiles))
        assert as_json("mira", ASKED, {"answer": 9}) == as_json("mira", ASKED, json.dumps({"answer": 9}))


@pytest.mark.parametrize("odd", [3, 2.5, TURN, object(), [{"role": "assistant", "content": 3}], [3]])
def test_what_is_neither_text_nor_messages_is_refused_in_a_sentence(odd: Any, mira_profiles: Path) -> None:
    with pytest.raises(DataError, match="content"):
        reward(mira_profiles, odd)
    with pytest.raises(DataError, match="content"):
        reward_function(mira_profiles)([odd], [BRIEF], user_id=["mira"])
    with pytest.raises(DataError, match="content"):
        PersonalJudge(mira_profiles).judge([ASKED], [[odd, BRIEF]])


def test_lists_of_different_lengths_name_the_one_that_is_wrong(mira_profiles: Path) -> None:
    with pytest.raises(DataError, match=r"'user_id'.*2 rows.*1"):
        reward(mira_profiles, BRIEF, BRIEF, user_id=["mira"])
    with pytest.raises(DataError, match=r"'user_id'.*a text"):
        reward(mira_profiles, BRIEF, user_id="mira")
    with pytest.raises(DataError, match="'prompts'"):
        reward_function(mira_profiles)([ASKED] * 3, [BRIEF], user_id=["mira"])
    judge, rewards = PersonalJudge(mira_profiles), openrlhf.reward_function(mira_profiles)
    with pytest.raises(DataError, match="'completions'"):
        judge.judge([ASKED] * 2, [[BRIEF, "x"]])
    with pytest.raises(DataError, match="'users'"):
        judge.judge([ASKED], [[BRIEF, "x"]], users=["mira", "mira"])
    with pytest.raises(DataError, match="'labels'"):
        rewards([BRIEF], [ASKED], [])


def test_profiles_that_are_none_name_what_is_expected(mira_profiles: Path, tmp_path: Path) -> None:
    file = mira_profiles / "mira.json"
    profile = load(file)
    for wrong in ([profile], profile, None, 3):
        with pytest.raises(DataError, match=r"mapping.*USER\.json"):
            reward_function(wrong)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="a file"):
        reward_function(file)
    (tmp_path / "mira.json").write_text("{nonsense")
    for broken in (tmp_path, {"mira": tmp_path / "mira.json"}, {"mira": tmp_path / "absent.json"}):
        with pytest.raises(PersonalrmError, match=r"\.json"):
            reward(broken, BRIEF)
    with pytest.raises(DataError, match=r"'mira'.*int"):
        reward({"mira": 3}, BRIEF)


def test_a_mapping_may_mix_profiles_and_paths_and_bad_ones_of_others_do_no_harm(mira_profiles: Path) -> None:
    file = mira_profiles / "mira.json"
    mixed: dict[str, Any] = {"mira": load(file), "b": file, "c": str(file), "broken": "absent.json"}
    found = reward(mixed, *[BRIEF] * 4, user_id=["mira", "b", "c", "nobody"])
    assert found[0] == found[1] == found[2] == reward(Client(profiles=mira_profiles), BRIEF)[0]
    assert found[3] is None


def test_plain_and_async_forms_work_inside_a_running_loop(mira_profiles: Path) -> None:
    async def both() -> list[list[float | None]]:
        asked: Any = {"prompts": [ASKED], "completions": [BRIEF], "user_id": ["mira"]}
        waited = await asyncio.gather(*(async_reward_function(mira_profiles)(**asked) for _ in range(3)))
        return [reward_function(mira_profiles)(**asked), *waited]

    first, *others = asyncio.run(both())
    assert others == [first] * 3


def _in_child(profiles: Path, found: Any) -> None:
    found.put(SHARED(prompts=[ASKED], completions=[BRIEF], user_id=["mira"]))


SHARED: Any = None


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_goes_on_with_the_rewards_of_its_parent(mira_profiles: Path) -> None:
    global SHARED
    SHARED = reward_function(mira_profiles)
    expected = SHARED(prompts=[ASKED], completions=[BRIEF], user_id=["mira"])
    context = multiprocessing.get_context("fork")
    found = context.Queue()
    child = context.Process(target=_in_child, args=(mira_profiles, found))
    child.start()
    try:
        assert found.get(timeout=60) == expected
    finally:
        child.join(10)
        child.kill()
        found.close()
        found.join_thread()
        SHARED = None
