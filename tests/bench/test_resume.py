"""What a run goes on from: nothing that was answered on other data, by another model or by another version."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from facts import naming

from personalrm.bench import lines
from personalrm.bench.methods import Setup, method_named
from personalrm.bench.origins import Origin
from personalrm.bench.plan import Design
from personalrm.bench.record import record_of
from personalrm.bench.results import BenchResult
from personalrm.bench.running import run
from personalrm.data.simulated import simulate_people
from personalrm.errors import DataError
from personalrm.models.learned import Settings, save, train
from personalrm.preferences import History, Message, Preference

PEOPLE = simulate_people(8, choices=8, seed=4, prompt_tokens=10, response_tokens=20)
DESIGN = Design("context-target", folds=2, data="people")
Change = Callable[[Preference], Preference]


def marked(history: History, context: int = 4) -> History:
    """The first choices as context, the last four as targets."""
    splits = ["context" if at < context else "target" if at >= 4 else None for at in range(len(history))]
    return history.only(replace(one, split=split) for one, split in zip(history, splits, strict=True))  # type: ignore[arg-type]


MARKED = [marked(one) for one in PEOPLE]
CHANGES: dict[str, Change] = {
    "group": lambda one: replace(one, group=f"{one.group}-other"),
    "context": lambda one: replace(one, context=tuple(Message("system", turn.content) for turn in one.context)),
    "tie": lambda one: replace(one, tie=True),
    "domain": lambda one: replace(one, domain="values"),
    "time": lambda one: replace(one, time="2024-05-01T00:00:00Z"),
    "demographics": lambda one: replace(one, demographics="likes tea"),
    "reason": lambda one: replace(one, reason="because"),
    "judges": lambda one: replace(one, judges={"gpt": True}),
    "margin": lambda one: replace(one, margin=2.5),
    "stated": lambda one: replace(one, stated={"factuality": 80.0}),
    "weight": lambda one: replace(one, weight=0.5),
    "ranking": lambda one: replace(one, ranking="r1"),
}


def answers(result: BenchResult) -> list[Any]:
    return [(row.name, row.accuracy, row.log_loss) for row in result.rows()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    run(MARKED, ["longer", "traits"], DESIGN, folder=folder)
    return folder


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_field_is_named_and_nothing_is_overwritten(name: str, finished: Path) -> None:
    before = {path.name: path.read_bytes() for path in finished.rglob("*.json*")}
    first, *others = MARKED
    changed = first.only([CHANGES[name](first.choices[0]), *first.choices[1:]])
    with pytest.raises(DataError, match=naming(name)):
        run([changed, *others], ["longer", "traits"], DESIGN, folder=finished)
    assert {path.name: path.read_bytes() for path in finished.rglob("*.json*")} == before


def test_fewer_context_choices_are_noticed(finished: Path) -> None:
    """The very case in which results were kept that no longer held."""
    with pytest.raises(DataError, match=r"changed: split"):
        run([marked(one, context=1) for one in PEOPLE], ["longer", "traits"], DESIGN, folder=finished)


def test_another_person_is_noticed_and_the_same_data_goes_on(finished: Path) -> None:
    with pytest.raises(DataError, match=naming(finished)):
        run(MARKED[1:], ["longer", "traits"], DESIGN, folder=finished)
    tasks = (finished / "tasks/traits.jsonl").read_bytes()
    run(MARKED, ["longer", "traits"], DESIGN, folder=finished)
    assert (finished / "tasks/traits.jsonl").read_bytes() == tasks


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    for seed, epochs in ((0, 2), (5, 6)):
        people = simulate_people(12, choices=6, seed=seed + 20, prompt_tokens=10, response_tokens=20)
        save(train(people, Settings("lore", "traits", members=1, epochs=epochs, seed=seed)), folder / str(seed))
    return folder / "0", folder / "5"


def test_a_replaced_model_is_asked_again_and_others_keep_their_answers(
    models: tuple[Path, Path], tmp_path: Path
) -> None:
    here, out = tmp_path / "model", tmp_path / "run"
    name = f"trained:{here}"
    shutil.copytree(models[0], here)
    first = answers(run(PEOPLE, ["longer", name], DESIGN, folder=out))
    kept = (out / "tasks/longer.jsonl").read_bytes()
    assert answers(run(PEOPLE, ["longer", name], DESIGN, folder=out)) == first
    shutil.rmtree(here)
    shutil.copytree(models[1], here)
    again = answers(run(PEOPLE, ["longer", name], DESIGN, folder=out))
    assert again == answers(run(PEOPLE, ["longer", name], DESIGN, folder=tmp_path / "fresh"))
    assert again[1] != first[1]
    assert again[0] == first[0]
    assert (out / "tasks/longer.jsonl").read_bytes() == kept


def test_a_new_version_of_the_package_answers_again(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    path = out / "tasks/traits.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    old = [{**one, "provenance": "0" * 16, "probability": [0.0] * len(one["ids"])} for one in rows]
    path.write_text("".join(f"{json.dumps(one)}\n" for one in old))
    run(MARKED, ["longer", "traits"], DESIGN, folder=out)
    again = [json.loads(line) for line in path.read_text().splitlines()]
    assert [one["probability"] for one in again] == [one["probability"] for one in rows]


def test_every_row_says_where_it_comes_from(finished: Path) -> None:
    result = run(MARKED, ["longer", "traits"], DESIGN, folder=finished)
    detail = record_of(result, None)["details"][1]["provenance"]
    assert detail["data"] == result.fingerprint
    assert (detail["model"], detail["seed"], detail["stamp"]) == ("traits", 0, None)
    assert detail["version"]
    assert detail["options"]["protocol"] == "context-target"
    for folder in ("tasks", "judgements"):
        for line in (finished / folder / "traits.jsonl").read_text().splitlines():
            assert json.loads(line)["provenance"] == detail["key"]


def test_whoever_learns_from_nobody_else_is_stamped_with_the_prior_that_ships() -> None:
    setup = Setup(0)
    alone = run(PEOPLE[:1], ["traits"], Design(data="one")).methods[0].provenance
    assert alone is not None
    assert len(alone.stamp or "") == 32
    origin: Origin = lines.origin_of(method_named("population", setup), alone=True)
    assert origin.stamp == alone.stamp
    assert lines.origin_of(method_named("population", setup), alone=False) == Origin()


def test_a_run_of_an_earlier_version_is_not_gone_on_with(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    (out / "run.json").write_text(json.dumps({**json.loads((out / "run.json").read_text()), "schema": 1}))
    with pytest.raises(DataError, match="earlier version"):
        run(MARKED, ["longer", "traits"], DESIGN, folder=out)


def test_a_person_whose_tasks_were_half_done_gets_the_same_answers_to_the_last_bit(tmp_path: Path) -> None:
    """The tasks of a person are computed together: which of them are left must not show in the numbers."""
    names, design = ["population", "traits"], Design(folds=2, data="people")
    run(PEOPLE[:4], names, design, folder=tmp_path)
    files = sorted(path for path in tmp_path.glob("*/*.jsonl") if path.parent.name in ("tasks", "judgements"))
    assert len(files) == 4
    before = {path: rows_without_seconds(path) for path in files}
    for path in files:
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:5]))
    run(PEOPLE[:4], names, design, folder=tmp_path)
    assert {path: rows_without_seconds(path) for path in files} == before


def rows_without_seconds(path: Path) -> list[dict[str, Any]]:
    return [{**json.loads(line), "seconds": None} for line in path.read_bytes().splitlines()]
