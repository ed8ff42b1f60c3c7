"""inspect_ai: the scorer, the solver and the task in real evaluations with a mock model."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import Model, ModelOutput, ModelUsage, get_model
from inspect_ai.solver import generate

from personalrm.integrations.inspect_ai import personal_preference, personalize, preferences

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ASKED = "How long does pasta take?"
BRIEF, VAGUE = "Nine minutes.", "That may depend on many things! Perhaps check the packet, and enjoy!"
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def closed_streams(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """inspect_ai leaves the streams of a sample's events open: whichever test collects garbage next would be warned.

    They are closed here, and what else is in its cycles is collected while its warnings are still ignored.
    """
    made: list[MemoryObjectReceiveStream[object] | MemoryObjectSendStream[object]] = []
    for kind in (MemoryObjectReceiveStream, MemoryObjectSendStream):
        opened = kind.__post_init__

        def recorded(self: object, opened: object = opened) -> None:
            opened(self)  # type: ignore[operator]
            made.append(self)  # type: ignore[arg-type]

        monkeypatch.setattr(kind, "__post_init__", recorded)
    yield
    for one in made:
        one.close()
    made.clear()
    gc.collect()


def answering(*texts: str) -> Model:
    outputs = [ModelOutput.from_content("mock", text) for text in texts]
    for one in outputs:  # without usage the mock counts tokens with a tokenizer that it downloads
        one.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return get_model("mockllm/model", custom_outputs=outputs)


def evaluated(task: Task, folder: Path, *texts: str) -> EvalLog:
    [log] = inspect_eval(task, model=answering(*texts), display="none", log_dir=str(folder), max_samples=1)
    assert log.status == "success", log.error
    return log


def sample(target: str = "", user: str = "mira") -> Sample:
    return Sample(input=ASKED, target=target, metadata={"user_id": user})


def test_the_answer_that_the_user_prefers_scores_one_and_the_other_zero(mira_profiles: Path, tmp_path: Path) -> None:
    task = Task(dataset=MemoryDataset([sample(VAGUE), sample(BRIEF)]), scorer=personal_preference(str(mira_profiles)))
    log = evaluated(task, tmp_path, BRIEF, VAGUE)
    assert log.samples is not None
    assert [one.scores["personal_preference"].value for one in log.samples if one.scores] == [1.0, 0.0]
    assert log.results is not None
    assert log.results.scores[0].metrics["mean"].value == 0.5
    assert "stderr" in log.results.scores[0].metrics


def test_without_a_target_the_score_is_the_reward(mira_profiles: Path, tmp_path: Path) -> None:
    task = Task(dataset=MemoryDataset([sample(), sample()]), scorer=personal_preference(str(mira_profiles)))
    log = evaluated(task, tmp_path, BRIEF, VAGUE)
    assert log.samples is not None
    brief, vague = (one.scores["personal_preference"].as_float() for one in log.samples if one.scores)
    assert brief > vague


def test_a_user_without_a_profile_is_unscored_and_no_failure(mira_profiles: Path, tmp_path: Path) -> None:
    task = Task(
        dataset=MemoryDataset([sample(VAGUE), sample(VAGUE, "nobody")]), scorer=personal_preference(str(mira_profiles))
    )
    log = evaluated(task, tmp_path, BRIEF, BRIEF)
    assert log.samples is not None
    assert log.samples[1].scores is not None
    assert math.isnan(log.samples[1].scores["personal_preference"].as_float())
    assert log.results is not None
    assert log.results.scores[0].metrics["mean"].value == 1.0


def test_samples_that_name_no_user_are_the_given_user_s(mira_profiles: Path, tmp_path: Path) -> None:
    """The clustered standard error wants the user in each scored sample's metadata."""
    samples = [Sample(input=ASKED, target=VAGUE), Sample(input=ASKED, target=BRIEF, metadata={"topic": "food"})]
    task = Task(dataset=MemoryDataset(samples), scorer=personal_preference(str(mira_profiles), user="mira"))
    log = evaluated(task, tmp_path, BRIEF, VAGUE)
    assert log.results is not None
    assert log.results.scores[0].metrics["mean"].value == 0.5
    assert log.results.scores[0].metrics["stderr"].value == 0.0  # one cluster


def test_the_solver_adds_the_user_s_generation_prompt(mira_profiles: Path, tmp_path: Path) -> None:
    steps = [personalize(str(mira_profiles)), generate()]
    task = Task(dataset=MemoryDataset([sample(VAGUE)]), solver=steps, scorer=personal_preference(str(mira_profiles)))
    log = evaluated(task, tmp_path, BRIEF)
    assert log.samples is not None
    first = log.samples[0].messages[0]
    assert first.role == "system"
    assert "hedging" in first.text


def test_the_task_asks_held_out_prompts_of_users_with_a_profile(mira_profiles: Path, tmp_path: Path) -> None:
    task = preferences(str(EXAMPLES / "mira_later.jsonl"), str(mira_profiles))
    log = evaluated(task, tmp_path, *[BRIEF] * 8)
    assert log.samples is not None
    assert len(log.samples) == 8


def test_inspect_finds_the_package_by_its_entry_point() -> None:
    [found] = [one for one in entry_points(group="inspect_ai") if one.name == "personalrm"]
    assert found.value == "personalrm.integrations.inspect_ai"
