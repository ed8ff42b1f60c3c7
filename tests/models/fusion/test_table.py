"""Labelled verdicts in a file: processes, damage, privacy."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from facts import naming

from personalrm.databases import MEMORY
from personalrm.errors import StorageError
from personalrm.models.fusion.table import (
    MOST_LABELS,
    JudgeKey,
    LabelledVerdict,
    VerdictTable,
    prompt_version,
    table_path,
)
from personalrm.models.fusion.weights import earned_weight
from personalrm.preferences import Message, Preference

KEY = JudgeKey("judge-8b", "default", prompt_version("default", "token"), "token")


def labelled(user: str, number: int, logit: float = 0.1, verdict: float = 2.0) -> LabelledVerdict:
    texts = (Message("user", f"Question {number}?"),)
    choice = Preference(f"{number}", user, f"g{number}", texts, "A secret liking.", f"Rejected {number:06}.")
    return LabelledVerdict(user, choice, logit, verdict)


def many(user: str, count: int, verdict: float = 2.0) -> list[LabelledVerdict]:
    return [labelled(user, number, verdict=verdict) for number in range(count)]


@pytest.fixture
def table(tmp_path: Path) -> VerdictTable:
    return VerdictTable(tmp_path / "answers.verdicts.sqlite")


def test_a_verdict_counts_once_and_below_a_hundred_nothing_counts(table: VerdictTable) -> None:
    assert table.rows() == []
    for _ in range(2):
        table.add(KEY, many("ada", 99))
    form, weight = table.weight(KEY)
    assert (weight.labels, weight.weight) == (99, 0.0)
    table.add(KEY, many("bob", 1))
    assert table.weight(KEY).weight.weight > 0.3
    (row,) = table.rows()
    assert (row.key, row.people, row.damaged, row.weight.labels) == (KEY, 2, 0, 100)
    assert {"model", "arm", "prompt", "mode", "labels", "people", "weight", "damaged"} <= row.as_json().keys()
    assert form in ("sign", "log-odds")


def test_a_weight_is_learned_from_some_thousand_labels_at_most(table: VerdictTable) -> None:
    draw = np.random.default_rng(0)
    some = [
        labelled(f"u{at % 40}", at, float(draw.normal()), 1.0 if draw.random() < 0.7 else -1.0)
        for at in range(MOST_LABELS + 1_000)
    ]
    table.add(KEY, some)
    heard = table.weight(KEY)
    assert heard.weight.labels == MOST_LABELS
    assert table.weight(KEY) == heard  # the same ones each time
    (row,) = table.rows()
    assert (row.weight.labels, row.people, row.weight.weight) == (len(some), 40, heard.weight.weight)
    verdict, logit = np.array([one.verdict for one in some]), np.array([one.logit for one in some])
    assert heard.weight.weight == pytest.approx(earned_weight(logit, verdict).weight, abs=0.05)


def test_a_judge_that_only_names_the_longer_response_has_no_weight(table: VerdictTable) -> None:
    """People who like length a little: the judge gains on the labels, and nothing beyond their lengths."""
    draw = np.random.default_rng(1)
    some = []
    for at in range(400):
        longer = draw.random() < 0.62
        texts = ("A long answer.", "Short.") if longer else ("Short.", "A long answer.")
        choice = Preference(f"{at}", "ada", f"g{at}", (Message("user", f"Question {at}?"),), *texts)
        some.append(LabelledVerdict("ada", choice, 0.0, 1.0 if longer else -1.0))
    table.add(KEY, some)
    (row,) = table.rows()
    assert row.weight.gain > 5.0
    assert row.weight.weight == table.weight(KEY).weight.weight == 0.0


def test_a_table_without_lengths_is_read_and_written(table: VerdictTable) -> None:
    """As the first version of the table was."""
    table.add(KEY, many("ada", 120))
    with closing(sqlite3.connect(table.path)) as db:
        db.execute("ALTER TABLE verdicts DROP COLUMN longer")
    weight = table.weight(KEY).weight
    assert (weight.labels, weight.weight > 0.1) == (120, True)
    table.add(KEY, many("bob", 20))
    assert table.weight(KEY).weight.labels == 140


def test_who_is_predicted_is_left_out_and_may_be_forgotten(table: VerdictTable) -> None:
    table.add(KEY, [*many("ada", 120), *many("bob", 120, verdict=-2.0)])
    assert table.weight(KEY, without="ada").weight.weight < 0 < table.weight(KEY, without="bob").weight.weight
    assert table.weight(KEY, without="eve").weight.labels == 240
    assert table.forget("bob") == 120
    assert table.weight(KEY).weight.labels == 120


def test_rows_of_other_prompts_and_modes_are_apart(table: VerdictTable) -> None:
    table.add(KEY, many("ada", 100))
    for other in (KEY._replace(prompt="0" * 16), KEY._replace(mode="reasoned"), KEY._replace(arm="persona")):
        assert table.weight(other).weight.labels == 0
    versions = {prompt_version(arm, mode) for arm in ("default", "persona") for mode in ("token", "reasoned")}
    assert len(versions) == 4


def test_damaged_rows_are_left_out_and_counted(table: VerdictTable) -> None:
    table.add(KEY, many("ada", 120))
    before = table.weight(KEY)
    with sqlite3.connect(table.path) as db:
        for number, (logit, verdict) in enumerate([("text", 1.0), (1e9, 1.0), (0.1, float("inf")), (b"\x00", 2.0)]):
            db.execute(
                "INSERT INTO verdicts VALUES (?,?,?,?,?,?,?,?,0.0)", (*KEY, bytes([number]), b"x", logit, verdict)
            )
    db.close()
    assert table.weight(KEY) == before
    assert table.rows()[0].damaged == 4


def test_no_text_and_no_name_is_stored(table: VerdictTable) -> None:
    table.add(KEY, [labelled("Ada Lovelace", 1)])
    held = b"".join(one.read_bytes() for one in Path(table.path).parent.iterdir())
    assert b"judge-8b" in held
    for word in (b"Lovelace", b"liking", b"Question", b"Rejected"):
        assert word not in held


def test_two_processes_write_at_the_same_time(table: VerdictTable, tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_table import KEY, VerdictTable, many\n"
        "table = VerdictTable(sys.argv[2])\n"
        "for one in many(sys.argv[3], 60): table.add(KEY, [one])\n"
    )
    helpers = Path(__file__).parents[2] / "helpers"
    words = [str(Path(__file__).parent), str(table.path)]
    code = f"import sys; sys.path.insert(0, {str(helpers)!r})\n{code}"
    both = [subprocess.Popen([sys.executable, "-c", code, *words, user]) for user in ("ada", "bob")]
    assert [one.wait(120) for one in both] == [0, 0]
    assert table.weight(KEY).weight.labels == 120
    assert table.weight(KEY, without="ada").weight.labels == 60  # both write with the same secret


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes " * 200)
    with pytest.raises(StorageError, match=naming("notes.txt")):
        VerdictTable(path).weight(KEY)
    assert path.read_text() == "my notes " * 200


def test_in_memory_it_lasts_as_long_as_the_object() -> None:
    table = VerdictTable(MEMORY)
    table.add(KEY, many("ada", 100))
    assert table.weight(KEY).weight.labels == 100
    assert VerdictTable(MEMORY).rows() == []


def test_it_lies_beside_the_answer_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONALRM_CACHE", str(tmp_path / "own.sqlite"))
    beside = tmp_path / "own.verdicts.sqlite"
    assert table_path(None) == table_path("postgresql://me@host/answers") == beside
    assert table_path("x/answers.sqlite") == Path("x/answers.verdicts.sqlite")
    assert table_path(MEMORY) == MEMORY


def test_another_choice_on_the_same_pair_is_another_label(table: VerdictTable) -> None:
    one = labelled("ada", 1)
    turned = replace(one.choice, chosen=one.choice.rejected, rejected=one.choice.chosen)
    table.add(KEY, [one, one._replace(choice=turned)])
    assert table.weight(KEY).weight.labels == 2
