"""Feedback pulled from servers, in a process of their own, that answer by the schemas of their hosts."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from feedback_rows import feedback, pull_from, rating, record, run_of, running, scores, server, task
from feedback_server import PAT, FeedbackServer

from personalrm.data.reading import read_choices, read_history, read_people
from personalrm.errors import EndpointRefused, PersonalrmError
from personalrm.integrations.feedback.base import Item
from personalrm.integrations.feedback.kept import PulledFile

__all__ = ["running", "server"]


def test_langfuse_scores_join_their_traces_and_a_second_pull_adds_nothing(
    server: FeedbackServer, tmp_path: Path
) -> None:
    out, held = tmp_path / "a.jsonl", scores(50)
    held["scores"][3]["source"] = "EVAL"
    held["scores"][5] |= {"observationId": "o5", "authorUserId": "bob", "source": "ANNOTATION"}
    observations = {"o5": {"id": "o5", "input": "A part?", "output": "Another answer."}}
    server.data(**held, observations=observations)
    first = pull_from(server, "langfuse", out)
    assert (first.added, first.known, first.pages, first.skipped) == (49, 49, 3, 0)
    people = {one.user: one for one in read_people(out)}
    assert len(people["ada"]) == 23  # 25 questions; one answer of two was a model's, one bob's
    assert all(one.chosen.endswith(("0.", "2.", "4.", "6.", "8.")) for one in people["ada"])
    [bob] = read_history(out, "bob").thumbs
    assert (bob.context[0].content, bob.response) == ("A part?", "Another answer.")
    before = out.read_bytes()
    again = pull_from(server, "langfuse", out)
    assert (again.added, again.changed, again.known) == (0, 0, 49)
    assert out.read_bytes() == before


def test_langfuse_goes_on_from_the_newest_time_and_takes_changes(server: FeedbackServer, tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    server.data(**scores(4))
    pull_from(server, "langfuse", out)
    held = scores(6)
    held["scores"][1] |= {"value": 1, "comment": "on second thoughts"}
    server.data(**held)
    later = pull_from(server, "langfuse", out)
    assert (later.added, later.changed, later.known) == (2, 1, 6)
    assert any("fromTimestamp=2026-04-30T23:33:00Z" in one["path"] for one in server.log())
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert len(rows) == 6
    assert [one["reason"] for one in rows if one["id"] == "s1"] == ["on second thoughts"]


def test_langfuse_before_version_3_has_its_scores_elsewhere(server: FeedbackServer, tmp_path: Path) -> None:
    server.data(**scores(2), old=True)
    assert pull_from(server, "langfuse", tmp_path / "a.jsonl").added == 2


def test_langfuse_4_gives_scores_by_cursor_and_traces_as_observations(server: FeedbackServer, tmp_path: Path) -> None:
    out, held = tmp_path / "a.jsonl", scores(50)
    held["scores"][3]["source"] = "EVAL"
    held["scores"][5] |= {"observationId": "o5", "authorUserId": "bob", "source": "ANNOTATION"}
    observations = {"o5": {"id": "o5", "startTime": "2020", "input": "A part?", "output": "Another answer."}}
    server.data(**held, observations=observations)
    pull_from(server, "langfuse", tmp_path / "before.jsonl")
    server.data(**held, observations=observations, v4=True)
    server.faults({"after": 100, "status": 403, "always": True})
    with pytest.raises(PersonalrmError):
        pull_from(server, "langfuse", out)
    kept = len(out.read_bytes().splitlines())
    assert 0 < kept < 49
    server.reset()
    server.data(**held, observations=observations, v4=True)
    done = pull_from(server, "langfuse", out)
    assert (done.added, done.known) == (49 - kept, 49)
    asked = [one["path"] for one in server.log() if "/observations" not in one["path"]]  # one of before may come late
    assert "cursor=" in asked[0]
    texts = [
        {(one.user, one.chosen, one.rejected) for one in read_choices(path)}
        for path in (out, tmp_path / "before.jsonl")
    ]
    assert texts[0] == texts[1]
    [bob] = read_history(out, "bob").thumbs
    assert (bob.context[0].content, bob.response) == ("A part?", "Another answer.")
    assert pull_from(server, "langfuse", out).added == 0


def test_a_judgement_that_was_changed_and_changed_back_stands_once(server: FeedbackServer, tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    server.data(**scores(4))
    pull_from(server, "langfuse", out)
    before = sorted(out.read_bytes().splitlines())
    file = PulledFile(out, f"langfuse {server.url}")
    row = orjson.loads(next(one for one in before if b'"s1"' in one))
    file.add([Item("ada", "s1", None, {**row, "liked": True})])  # and the process was killed before it finished
    assert pull_from(server, "langfuse", out).known == 4
    assert sorted(out.read_bytes().splitlines()) == before


def test_feedback_without_a_user_or_a_trace_is_counted_and_never_merged_into_one_person(
    server: FeedbackServer, tmp_path: Path
) -> None:
    held = scores(4)
    del held["traces"]["t0"]
    held["traces"]["t1"]["userId"] = None
    server.data(**held)
    done = pull_from(server, "langfuse", tmp_path / "a.jsonl")
    assert (done.added, done.anonymous, done.skipped) == (2, 1, 1)
    assert done.first[0].startswith("score s0: field 'traceId'")
    assert pull_from(server, "langfuse", tmp_path / "b.jsonl", user="me").added == 3


def test_langsmith_groups_are_compared_and_pages_do_not_part_them(server: FeedbackServer, tmp_path: Path) -> None:
    given = [feedback(n, f"r{n}", 1.0) for n in range(99)]
    given += [feedback(n, f"r{n}", float(n == 100), feedback_group_id="g", comment="shorter") for n in (99, 100, 101)]
    given.append(feedback(102, "r102", 0, feedback_source={"type": "api", "user_id": "service", "metadata": {}}))
    given.append(feedback(103, "r0", 0, feedback_source={"type": "model"}))
    runs = [run_of(f"r{n}", f"Question {n if n < 99 else 99}?", f"Answer {n}.") for n in range(102)]
    server.data(feedback=given, runs=[*runs, run_of("r102", "And?", "So.", "eve")])
    out = tmp_path / "a.jsonl"
    done = pull_from(server, "langsmith", out)
    assert (done.added, done.pages, done.skipped) == (101, 2, 0)
    pairs = list(read_choices(out))
    assert {(one.user, one.chosen, one.rejected, one.reason, one.tie) for one in pairs} >= {
        ("ada", "Answer 100.", "Answer 99.", "shorter", False),
        ("ada", "Answer 100.", "Answer 101.", "shorter", False),
    }
    assert [json.loads(line)["user"] for line in out.read_text().splitlines()].count("eve") == 1
    assert pull_from(server, "langsmith", out).added == 0


@pytest.mark.parametrize("order", ["one after the other", "two at once"])
@pytest.mark.parametrize("size", [7, 25])
def test_langsmith_groups_larger_than_a_page_are_whole(
    server: FeedbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, size: int
) -> None:
    monkeypatch.setattr("personalrm.integrations.feedback.langsmith.PER_PAGE", 10)
    groups = [None] * 8 + ["a"] * size + ["b"] * size + [None] * 8
    if order == "two at once":
        groups = [None] * 8 + ["a", "b"] * size + [None] * 8
    given = [feedback(n, f"r{n}", float(n), feedback_group_id=group) for n, group in enumerate(groups)]
    server.data(feedback=given, runs=[run_of(f"r{n}", "Why?", f"Answer {n}.") for n in range(len(given))])
    out = tmp_path / "a.jsonl"
    done = pull_from(server, "langsmith", out)
    rows = {row["id"]: row for row in map(json.loads, out.read_text().splitlines())}
    assert (done.added, done.changed, done.skipped, len(rows)) == (18, 0, 0, 18)
    assert [len(rows[f"{name}-preference"]["responses"]) for name in "ab"] == [size, size]
    assert pull_from(server, "langsmith", out, since="2026-05-01").added == 0


def test_open_webui_ratings_become_choices_between_siblings(server: FeedbackServer, tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    server.data(ratings=[rating(1, 1), rating(2, -1), {**rating(3, 1), "type": "note"}])
    assert pull_from(server, "open-webui", out).added == 2
    assert [(one.chosen, one.rejected) for one in read_history(out)] == [
        ("Left 1.", "Right 1."),
        ("Right 2.", "Left 2."),
    ]
    server.data(ratings=[rating(1, 1), rating(2, 1), rating(4, 1)])
    later = pull_from(server, "open-webui", out)
    assert (later.added, later.changed) == (1, 1)
    assert pull_from(server, "open-webui", tmp_path / "b.jsonl", since="2026-04-27").known == 1


def test_label_studio_pages_through_projects_and_then_asks_for_changes(server: FeedbackServer, tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    many = [task(n, 1, ("ada@example.org", "left"), ("bob@example.org", "right")) for n in range(120)]
    server.data(tasks={"3": many, "12": [task(500, 2, ("ada@example.org", "right")), task(501, 2)]})
    done = pull_from(server, "label-studio", out)
    assert (done.added, done.pages) == (241, 3)
    assert {one.chosen for one in read_history(out, "bob@example.org")} == {f"Two {n}." for n in range(120)}
    server.data(tasks={"3": many, "12": [task(502, 3, ("ada@example.org", "right"))]})
    later = pull_from(server, "label-studio", out)
    assert (later.added, later.changed, later.known) == (1, 0, 242)
    assert pull_from(server, "label-studio", tmp_path / "b.jsonl", projects=("12",)).known == 1


def test_label_studio_falls_back_to_the_export_and_exchanges_a_personal_token(
    server: FeedbackServer, tmp_path: Path
) -> None:
    server.data(tasks={"3": [task(1, 1, ("ada", "left"))]}, old=True)
    assert pull_from(server, "label-studio", tmp_path / "a.jsonl", key=PAT).added == 1
    assert [one["headers"].get("Authorization") for one in server.log()][-1] == "Bearer short-lived-access"
    with pytest.raises(EndpointRefused, match="project 9"):
        pull_from(server, "label-studio", tmp_path / "b.jsonl", projects=("9",))


def test_argilla_keeps_submitted_responses_of_the_window(server: FeedbackServer, tmp_path: Path) -> None:
    both = ("u1", "response_a", "submitted"), ("u2", "response_b", "submitted")
    records = [record(n, 1, *both) for n in range(101)]
    server.data(records={"d1": records, "d2": [record(900, 1, ("u1", "response_b", "draft"))]})
    out = tmp_path / "a.jsonl"
    done = pull_from(server, "argilla", out)
    assert (done.added, done.pages) == (202, 3)
    assert {(one.chosen[0], one.reason) for one in read_history(out, "u2")} == {("B", "because")}
    server.data(records={"d1": records, "d2": [record(900, 9, ("u1", "response_b", "submitted"))]})
    assert pull_from(server, "argilla", out).added == 1
    assert pull_from(server, "argilla", tmp_path / "b.jsonl", projects=("set d2",)).known == 1
    with pytest.raises(EndpointRefused, match="set d1, set d2"):
        pull_from(server, "argilla", tmp_path / "c.jsonl", projects=("set d9",))
