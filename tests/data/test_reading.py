"""The front of reading: real files, one person's history, everyone's, and how much memory it takes."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from random import Random

import orjson
import pytest
from facts import naming

from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices, read_history, read_people
from personalrm.data.writing import write_choices
from personalrm.errors import DataError, RowError, SeveralPeople
from personalrm.preferences import Message, Preference


def row(user: str, number: int, **more: object) -> dict[str, object]:
    return {"user": user, "id": f"{user}{number}", "prompt": f"q{number}", "chosen": "yes", "rejected": "no", **more}


def jsonl(path: Path, *rows: object) -> Path:
    path.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in rows))
    return path


@pytest.mark.parametrize(
    ("name", "people", "pairs", "skipped"),
    [
        ("prism", 170, 1593, []),
        ("mt_bench", 45, 1477, [("id", "'1b36790044e1' again"), ("id", "'243a962c0275' again")]),
        ("ukp", 403, 17247, [("rejected", "the same text as the chosen response")]),
        ("traces", 18, 84, []),
    ],
)
def test_real_files(real_data: Path, name: str, people: int, pairs: int, skipped: list[tuple[str, str]]) -> None:
    problems = Problems()
    histories = list(read_people(real_data / f"{name}.jsonl.gz", problems=problems))
    assert len(histories) == people
    assert sum(map(len, histories)) == pairs
    assert problems.rows == pairs + len(skipped)
    assert [(error.field, error.found) for error in problems.first] == skipped
    assert all(len({one.id for one in history}) == len(history) for history in histories)
    with gzip.open(real_data / f"{name}.jsonl.gz") as stream:
        first = json.loads(next(stream))
    got = next(read_choices(real_data / f"{name}.jsonl.gz"))
    assert (got.id, got.user, got.group, got.chosen, got.rejected) == tuple(
        first[key] for key in ("id", "user", "group", "chosen", "rejected")
    )
    assert got.context == tuple(Message(turn["role"], turn["content"]) for turn in first["context"])
    assert dict(got.judges) == first.get("judges", {})


def test_real_times_order_a_real_history(real_data: Path) -> None:
    people = list(read_people(real_data / "ukp.jsonl.gz"))
    for history in people:
        times = [one.time or "" for one in history]
        assert times == sorted(times)
        assert all(time.endswith("+00:00") and time[10] == "T" for time in times)


def test_files_in_other_formats_are_refused_with_their_columns(real_data: Path) -> None:
    with pytest.raises(
        DataError, match=r"columns user, model, reasoning, persona.*known formats: .*chosen \+ rejected"
    ):
        list(read_choices(real_data / "traces_personas.jsonl"))
    with pytest.raises(DataError, match="columns model, winner, completion"):
        read_history(real_data / "llmbar_cot.jsonl.gz")


def test_one_persons_history(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", row("ada", 1), row("bob", 1), row("ada", 2))
    history = read_history(path, "ada")
    assert history.user == "ada"
    assert [one.id for one in history] == ["ada1", "ada2"]
    assert history.choices == tuple(read_choices(path, user="ada"))


def test_several_people_and_none_named(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", *(row(f"user{number}", number) for number in range(7)))
    with pytest.raises(SeveralPeople, match=naming("7 people", "user0", "user4", "--user")):
        read_history(path)


def test_an_unknown_user_gets_close_names(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", row("adalbert", 1), row("bob", 1))
    with pytest.raises(DataError, match=naming("'adelbert'", "adalbert")):
        read_history(path, "adelbert")
    with pytest.raises(DataError, match=naming("adalbert", "bob")):
        read_history(path, "zzz")


def test_a_file_that_names_nobody_is_one_person(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"prompt": "q", "chosen": "yes", "rejected": "no"})
    assert read_history(path).user == "me"
    with pytest.raises(DataError, match=naming(path)):
        read_history(path, "ada")


def test_oldest_first_where_times_are_known(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl",
        row("ada", 1, time="2020-03-01"),
        row("ada", 2),  # stays behind the one before it
        row("ada", 3, time=1577836800),
        row("ada", 4, time="2020-02-01T00:00:00Z"),
    )
    assert [one.id for one in read_history(path)] == ["ada3", "ada4", "ada1", "ada2"]


def test_file_order_where_no_time_is_known(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", row("ada", 3), row("ada", 1), row("ada", 2))
    assert [one.id for one in read_history(path)] == ["ada3", "ada1", "ada2"]


def test_people_in_order_of_their_first_row(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", row("bob", 1), row("ada", 1), row("bob", 2))
    assert [(one.user, len(one)) for one in read_people(path)] == [("bob", 2), ("ada", 1)]


@pytest.mark.parametrize("together", [True, False])
def test_a_large_file_gives_the_same_people_sorted_or_not(tmp_path: Path, together: bool) -> None:
    filler = "x" * 10_000
    users = [f"u{number % 10}" for number in range(1000)]
    rows = [row(user, at, chosen=filler) for at, user in enumerate(sorted(users) if together else users)]
    path = jsonl(tmp_path / "a.jsonl", *rows)
    assert path.stat().st_size > 8 << 20
    people = list(read_people(path))
    assert [one.user for one in people] == [f"u{number}" for number in range(10)]
    assert all(len(one) == 100 for one in people)


def test_a_repeated_id_is_reported_and_the_second_skipped(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", row("ada", 1), row("ada", 1, chosen="other"), row("ada", 2))
    problems = Problems()
    choices = list(read_choices(path, problems=problems))
    assert [(one.id, one.chosen) for one in choices] == [("ada1", "yes"), ("ada2", "yes")]
    assert problems.summary() == (
        "1 of 3 rows skipped: line 2, field 'id': expected an id not used before, found 'ada1' again"
    )


def test_a_bad_row_does_not_use_up_its_id(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", row("ada", 1, chosen=None), row("ada", 1))
    assert [one.id for one in read_choices(path)] == ["ada1"]


def test_an_id_that_two_people_share_is_told_apart_whoever_is_asked_for(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", row("ada", 1, id="pair"), row("bob", 1, id="pair"))
    assert [one.id for one in read_choices(path)] == ["pair", "pair@bob"]
    assert read_history(path, "bob").choices[0].id == "pair@bob"
    assert read_history(path, "ada").choices[0].id == "pair"


def test_a_change_of_mind_is_kept_and_a_repeat_is_not(tmp_path: Path) -> None:
    said = {"prompt": "q", "chosen": "yes", "rejected": "no"}
    path = jsonl(tmp_path / "a.jsonl", said, {**said, "chosen": "no", "rejected": "yes"}, said)
    problems = Problems()
    first, second = read_choices(path, problems=problems)
    assert second.id == f"{first.id}-2"
    assert (first.chosen, second.chosen) == ("yes", "no")
    assert problems.skipped == 1


def test_strict_raises_the_first_bad_row_with_its_place(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", row("ada", 1), row("ada", 2, rejected=[]), row("ada", 3, chosen=None))
    choices = read_choices(path, strict=True)
    assert next(choices).id == "ada1"
    with pytest.raises(RowError) as caught:
        next(choices)
    assert (caught.value.path, caught.value.line, caught.value.field) == (path, 2, "rejected")
    assert str(caught.value).startswith(f"{path}, line 2, field 'rejected': expected ")


def test_problems_keep_twenty_in_full_and_count_all(tmp_path: Path) -> None:
    bad = [row("ada", number, chosen=None) for number in range(50)]
    path = jsonl(tmp_path / "a.jsonl", *bad, row("ada", 99))
    problems = Problems()
    assert len(list(read_choices(path, problems=problems))) == 1
    assert (problems.rows, problems.skipped, len(problems.first)) == (51, 50, 20)
    assert problems.reasons == {"field 'chosen': expected text": 50}
    assert problems.summary().startswith("50 of 51 rows skipped: line 1, field 'chosen': expected text, found null; ")
    assert problems.summary().endswith("; …")


def test_no_problem_no_summary(tmp_path: Path) -> None:
    problems = Problems()
    list(read_choices(jsonl(tmp_path / "a.jsonl", row("ada", 1)), problems=problems))
    assert problems.summary() == ""


def test_reading_begins_before_the_file_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(orjson.dumps(row("ada", 1)) + b"\n" + b"{broken\n" * 1000)
    problems = Problems()
    choices = read_choices(path, problems=problems)
    assert next(choices).id == "ada1"
    assert problems.rows == 1


MEASURE = """
import sys
from personalrm.data.reading import read_choices, read_history, read_people
def peak():  # of this program alone: getrusage would count the test's own memory, from before the exec
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = peak()
path = sys.argv[1]
count = sum(1 for _ in read_choices(path))
mine = len(read_history(path, "user7"))
people = sum(1 for _ in read_people(path))
print(count, mine, people, (peak() - before) // 1024)
"""


def test_a_large_file_is_streamed(tmp_path: Path) -> None:
    """12 MB of choices; one person has 0.3 MB of them."""
    path = tmp_path / "large.jsonl.gz"
    random = Random(0)
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for number in range(2_000):
            texts = {side: random.randbytes(1500).hex() for side in ("chosen", "rejected")}
            stream.write(orjson.dumps(row(f"user{number // 50}", number, **texts)) + b"\n")
    done = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True)
    count, mine, people, grown = map(int, done.stdout.split())
    assert (count, mine, people) == (2_000, 50, 40)
    assert grown < 8


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    kept = Preference("1", "ada", "g", (), "yes", "no", tie=True)
    write_choices(tmp_path / "a.csv", [kept])
    assert list(read_choices(tmp_path / "a.csv")) == [kept]
