"""Running, results and reports, end to end on invented and on real people."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from choices import longer_people

from personalrm.bench.answers import answers_from_rows
from personalrm.bench.methods import Setup, asks, method_named
from personalrm.bench.plan import Design
from personalrm.bench.protocols import Population, Prediction, Task
from personalrm.bench.results import baseline
from personalrm.bench.run_log import rows_of
from personalrm.bench.running import arun, run
from personalrm.data.kept import KeptPeople
from personalrm.errors import BudgetSpent, DataError
from personalrm.llm.background_loop import in_event_loop
from personalrm.llm.endpoint import Completion, SamplingParams
from personalrm.models.registry import SURFACE, names
from personalrm.preferences import History, Message, Verdict
from personalrm.profile.spend import Spend

GPT4O = "judge:all_features_with_tie_all_features_gpt-4o"
KEYS = {
    "name", "model", "accuracy", "low", "high", "people", "pairs", "coverage", "log_loss", "calls",
    "prompt_tokens", "completion_tokens", "cost", "seconds",
}  # fmt: skip


@dataclass
class Oracle:
    """A method that waits, counts how many tasks are under way, and leaves some pairs unscored."""

    name: str = "oracle"
    model: str = "invented-1"
    probabilistic: bool = True
    personal: bool = True
    asks: bool = True
    prompts: Mapping[str, str] = field(default_factory=lambda: {"judge": "ab12"})
    most: int = 0
    now: int = 0
    calls: int = 0
    fail_after: int = 10**9
    together: int = 1
    crowd: asyncio.Event = field(default_factory=asyncio.Event)

    async def learn(self, population: Population, fold: int) -> Knowing:
        return Knowing(self, {one.user for one in population()})

    async def predict(self, task: Task) -> Prediction:
        self.now += 1
        self.calls += len(task.questions)
        self.most = max(self.most, self.now)
        if self.now >= self.together:
            self.crowd.set()
        try:
            await asyncio.wait_for(self.crowd.wait(), 60)
            await asyncio.sleep(0.001)
            if self.calls > self.fail_after:
                raise BudgetSpent("the limit of calls is used up")
        finally:
            self.now -= 1
        asked = len(task.questions)
        spend = Spend(calls=asked, prompt_tokens=100 * asked, completion_tokens=asked, cost=0.5)
        return Prediction([self._verdict(one.a, one.b, one.group) for one in task.questions], spend)

    @staticmethod
    def _verdict(a: str, b: str, group: str) -> Verdict:
        if group == "g2":
            return Verdict(None, unscored="refusal")
        return Verdict(0.8 if len(a) > len(b) else 0.2, reasoning="it says more")


@dataclass
class Knowing:
    """The oracle of one fold; it must never be asked about its own population."""

    oracle: Oracle
    population: set[str]

    async def predict(self, task: Task) -> Prediction:
        assert task.user not in self.population
        return await self.oracle.predict(task)


def test_known_accuracies() -> None:
    rows = {
        row.name: row for row in run(longer_people(), ["longer", "shorter", "first", "judge:j"], Design(folds=3)).rows()
    }
    assert rows["longer"].accuracy == pytest.approx(2 / 3)
    assert rows["shorter"].accuracy == pytest.approx(1 / 3)
    assert rows["judge:j"].accuracy == pytest.approx(0.5)
    assert rows["judge:j"].coverage == pytest.approx(2 / 3)
    assert (rows["judge:j"].people, rows["judge:j"].pairs) == (12, 48)
    assert rows["judge:j"].unscored == {"no cached verdict": 24}
    assert rows["longer"].log_loss is None
    assert rows["longer"].cost == 0.0
    assert 0.2 < (rows["first"].accuracy or 0) < 0.8


def test_a_method_of_ones_own_is_awaited_concurrently_and_its_spend_is_kept() -> None:
    """None of the first seven is answered before all of them are asked."""
    oracle = Oracle(together=7)
    result = run(longer_people(), ["longer", oracle], Design(folds=3))
    row = result.rows()[1]
    assert oracle.most >= 7
    assert (row.accuracy, row.coverage) == (1.0, pytest.approx(2 / 3))
    assert row.log_loss == pytest.approx(-np.log(0.8))
    assert (row.calls, row.prompt_tokens, row.completion_tokens, row.cost) == (72, 7200, 72, 18.0)
    assert row.unscored == {"refusal": 24}
    assert row.low is not None
    assert row.low < 1.0  # everyone all right is still no certainty


def test_an_error_ends_the_run_and_leaves_nothing_under_way() -> None:
    oracle = Oracle(fail_after=20)
    with pytest.raises(BudgetSpent):
        run(longer_people(), [oracle], Design(folds=2))
    assert oracle.now == 0


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    run(longer_people(), ["longer", "first"], Design(folds=3), progress=lambda *one: told.append(one))
    assert [label for label, done, of in told if done == of == 36] == ["longer", "first"]
    done = [one for label, one, _ in told if label == "longer"]
    assert done == sorted(set(done))
    assert len(done) > 1


async def test_it_runs_inside_a_running_loop_and_awaited() -> None:
    inside = run(longer_people(), ["longer", "random"], Design(folds=3))
    awaited = await arun(longer_people(), ["longer", "random"], Design(folds=3))
    assert np.array_equal(inside.probabilities["random"], awaited.probabilities["random"])


async def test_people_are_read_and_answers_gathered_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    on_the_loop: dict[str, bool] = {}

    def people() -> list[History]:
        on_the_loop["people"] = on_the_loop.get("people", False) or in_event_loop()
        return longer_people()

    def gathering(*args: Any) -> Any:
        on_the_loop["answers"] = on_the_loop.get("answers", False) or in_event_loop()
        return answers_from_rows(*args)

    monkeypatch.setattr("personalrm.bench.running.answers_from_rows", gathering)
    await arun(people, ["longer", "random"], Design(folds=3))
    assert on_the_loop == {"people": False, "answers": False}


@pytest.mark.parametrize("before", [0, 1])
async def test_the_people_and_rows_of_every_pass_are_read_off_the_event_loop(
    before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the first run, and of one that is resumed and finds every task done."""
    on_the_loop: list[str] = []

    def people() -> Iterator[History]:
        for history in longer_people():
            on_the_loop.extend(["people"] if in_event_loop() else [])
            yield history

    def placed(path: Path) -> Any:
        on_the_loop.extend([path.name] if in_event_loop() else [])
        return rows_of(path)

    monkeypatch.setattr("personalrm.bench.run_log.rows_of", placed)
    for _ in range(before + 1):
        with KeptPeople(people, most_bytes=0) as source:  # read from the source at each pass
            await arun(source, ["longer", "random"], Design(folds=3), folder=tmp_path)
    assert not on_the_loop


async def test_a_run_cancelled_while_people_are_read_ends_at_once_and_can_be_run_again() -> None:
    reading, go_on = threading.Event(), threading.Event()

    def people() -> Iterator[History]:
        for history in longer_people():
            reading.set()
            assert go_on.wait(30)
            yield history

    work = asyncio.ensure_future(arun(people, ["longer"], Design(folds=3)))
    assert await asyncio.to_thread(reading.wait, 30)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    go_on.set()
    again = await arun(people, ["longer"], Design(folds=3))
    assert np.isfinite(again.probabilities["longer"]).all()


def test_runs_are_repeatable_and_the_seed_matters() -> None:
    names = ["first", "random"]
    once, again, other = (
        run(longer_people(), names),
        run(longer_people(), names),
        run(longer_people(), names, Design(seed=1)),
    )
    assert all(np.array_equal(once.probabilities[name], again.probabilities[name]) for name in names)
    assert once.asked == again.asked
    assert [one.preferred for one in once.asked] != [one.preferred for one in other.asked]


def test_the_promised_json() -> None:
    made = run(longer_people(), ["longer", "random"], Design("context-target", seed=4, data="choices.jsonl")).as_json()
    assert {key: made[key] for key in ("data", "protocol", "seed")} == {
        "data": "choices.jsonl", "protocol": "context-target", "seed": 4,
    }  # fmt: skip
    assert set(made) == {"data", "protocol", "seed", "methods"}
    assert [set(one) for one in made["methods"]] == [KEYS, KEYS]
    assert json.loads(json.dumps(made)) == made


def test_comparisons_are_on_shared_pairs_and_corrected() -> None:
    result = run(longer_people(), ["longer", "shorter", "judge:j"], Design(folds=3))
    comparisons = {one.name: one for one in result.comparisons("longer")}
    assert comparisons["judge:j"].effect.pairs == 48
    assert comparisons["judge:j"].effect.difference == pytest.approx(-0.5)
    assert comparisons["shorter"].effect.difference == pytest.approx(-1 / 3)
    assert comparisons["shorter"].p_corrected >= comparisons["shorter"].effect.p
    assert result.partial() == ["judge:j"]
    assert result.rows(result.scored_by("judge:j"))[0].accuracy == 1.0
    assert baseline(result, SURFACE) == "longer"
    assert baseline(run(longer_people(), ["judge:j"]), SURFACE) is None


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        (["nonsense"], r"'nonsense'.*longer, .*judge:NAME"),
        (["judge:"], "'judge:'"),
        (["judge:gpt"], r"gpt\b.*\bj\b"),
        ([], "method"),
        (["longer", "longer"], "each method.* once"),
    ],
)
def test_bad_methods(methods: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        run(longer_people(), methods)


def test_a_method_must_answer_every_question() -> None:
    class Short(Oracle):
        async def predict(self, task: Task) -> Prediction:
            return Prediction([])

    with pytest.raises(DataError, match="answered 0 of 2 questions"):
        run(longer_people(), [Short()])


class FirstAnswer:
    """A language model that always prefers what it is shown first."""

    model = "invented-2"

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        await asyncio.sleep(0)
        return Completion("A", prompt_tokens=10, completion_tokens=1, cost=0.001)

    async def aclose(self) -> None:
        """Nothing is open."""


def test_every_family_makes_its_method() -> None:
    for name in names():
        full = name.replace("NAME", "j").replace("MEMBER+MEMBER", "judge:j+longer")
        method = method_named(full, Setup(endpoint=FirstAnswer()))
        assert (method.name, method.asks) == (full, asks(full))


def test_a_language_model_is_asked_in_both_orders_and_its_spend_counted() -> None:
    row = run(longer_people(6), ["default"], Design(folds=2), models=[FirstAnswer()]).rows()[0]
    assert (row.model, row.calls, row.prompt_tokens, row.completion_tokens) == ("invented-2", 72, 720, 72)
    assert row.cost == pytest.approx(0.072)
    assert (row.accuracy, row.even) == (0.5, 36)  # whoever is swayed by the order alone prefers neither


def test_without_a_model_the_methods_that_ask_one_say_so() -> None:
    with pytest.raises(DataError, match="--model"):
        run(longer_people(), ["synthesizeme"])


# ------------------------------------------------------------------------------------------- simulated and real people


def test_reference_lines_on_simulated_people(people: list[History]) -> None:
    rows = {row.name: row for row in run(people, ["longer", "first", "random"]).rows()}
    pairs = [one for person in people for one in person if len(one.chosen) != len(one.rejected)]
    longer = sum(len(one.chosen) > len(one.rejected) for one in pairs) / len(pairs)
    assert (rows["longer"].people, rows["longer"].pairs) == (50, 1000)
    assert rows["longer"].accuracy == pytest.approx(longer, abs=0.01)
    for name in ("first", "random"):  # the order of presentation says nothing about the label
        assert rows[name].accuracy == pytest.approx(0.5, abs=0.06)


def test_reference_lines_on_real_people(prism: list[History]) -> None:
    result = run(prism, ["longer", "first", "random", GPT4O])
    rows = {row.name: row for row in result.rows()}
    assert (rows["longer"].people, rows["longer"].pairs) == (170, 1593)
    assert rows["longer"].accuracy == pytest.approx(0.658, abs=0.0005)
    assert rows[GPT4O].accuracy == pytest.approx(342 / 481)
    assert rows[GPT4O].pairs == 481
    for name in ("first", "random"):  # the order of presentation says nothing about the label
        low, high = rows[name].low or 1.0, rows[name].high or 0.0
        assert low < 0.5 < high
    assert 0.05 < (rows["longer"].high or 0) - (rows["longer"].low or 0) < 0.08
