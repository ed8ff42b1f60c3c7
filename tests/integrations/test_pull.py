"""Feedback pulled from servers, in a process of their own, that answer by the schemas of their hosts."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from command_line import Run
from feedback_server import KEY, PAIR, PAT, FeedbackServer
from odd_hosts import dead_port

from personalrm.data.reading import read_choices, read_history, read_people
from personalrm.errors import DataError, EndpointRefused, PersonalrmError, Unreachable, UnusableResponse
from personalrm.integrations.feedback import Pulled, pull
from personalrm.integrations.feedback.api import Api, ApiHost
from personalrm.integrations.feedback.base import Item
from personalrm.integrations.feedback.kept import PulledFile

DAY = "2026-05-{:02d}T10:00:00.000Z"
KEYS = {"langfuse": PAIR, "langsmith": KEY, "open-webui": KEY, "label-studio": KEY, "argilla": KEY}


@pytest.fixture(scope="module")
def running() -> Iterator[FeedbackServer]:
    with FeedbackServer() as server:
        yield server


@pytest.fixture
def server(running: FeedbackServer, monkeypatch: pytest.MonkeyPatch) -> FeedbackServer:
    running.reset()
    monkeypatch.setattr("personalrm.integrations.feedback.api.jittered", lambda attempt: 0.01)
    monkeypatch.setattr("personalrm.integrations.feedback.langfuse.PER_PAGE", 20)
    return running


def scores(count: int, first: int = 0) -> dict[str, Any]:
    """Thumbs of ada on two answers to each of count / 2 questions, one up and one down."""
    numbers = range(first, first + count)
    return {
        "scores": [
            {
                "id": f"s{n}",
                "traceId": f"t{n}",
                "name": "thumb",
                "value": 1 - n % 2,
                "dataType": "BOOLEAN",
                "source": "API",
                "timestamp": f"2026-05-01T{n // 60:02d}:{n % 60:02d}:00.000Z",
                "comment": None,
            }
            for n in numbers
        ],
        "traces": {
            f"t{n}": {
                "id": f"t{n}",
                "userId": "ada",
                "sessionId": "chat",
                "timestamp": DAY.format(1),
                "input": [{"role": "user", "content": f"Question {n // 2}?"}],
                "output": {"role": "assistant", "content": f"Answer {n}."},
            }
            for n in numbers
        },
    }


def pull_from(server: FeedbackServer, kind: str, out: Path, **more: Any) -> Pulled:
    return pull(kind, out, url=server.url, **{"key": KEYS[kind], **more})


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


def feedback(number: int, run: str, score: float, **more: Any) -> dict[str, Any]:
    return {
        "id": f"f{number}",
        "created_at": f"2026-05-02T{number // 60:02d}:{number % 60:02d}:00+00:00".replace("+00:00", "Z"),
        "modified_at": None,
        "run_id": run,
        "session_id": "p1",
        "key": "preference",
        "score": score,
        "comment": None,
        "feedback_source": {"type": "app", "user_id": "ada", "metadata": {}},
        **more,
    }


def run_of(name: str, asked: str, said: str, user: str | None = None) -> dict[str, Any]:
    metadata = {"metadata": {"user_id": user}} if user else {}
    return {"id": name, "inputs": {"question": asked}, "outputs": {"answer": said}, "extra": metadata}


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


def rating(number: int, score: int) -> dict[str, Any]:
    messages = {
        "q": {"id": "q", "parentId": None, "childrenIds": ["a", "b"], "role": "user", "content": f"Question {number}?"},
        "a": {"id": "a", "parentId": "q", "childrenIds": [], "role": "assistant", "content": f"Left {number}."},
        "b": {"id": "b", "parentId": "q", "childrenIds": [], "role": "assistant", "content": f"Right {number}."},
    }
    return {
        "id": f"w{number}",
        "user_id": "ada",
        "version": 0,
        "type": "rating",
        "data": {"rating": score, "model_id": "m", "reason": None, "comment": ""},
        "meta": {"arena": True, "chat_id": f"c{number}", "message_id": "a"},
        "snapshot": {"chat": {"chat": {"history": {"messages": messages, "currentId": "a"}}}},
        "created_at": 1_777_000_000 + 86_400 * number,
        "updated_at": 1_777_000_000 + 86_400 * number,
    }


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


def task(number: int, day: int, *by: tuple[str, str]) -> dict[str, Any]:
    return {
        "id": number,
        "data": {"prompt": f"Question {number}?", "text1": f"One {number}.", "text2": f"Two {number}."},
        "updated_at": DAY.format(day),
        "annotations": [
            {
                "id": 10 * number + at,
                "completed_by": {"id": at, "email": user},
                "created_at": DAY.format(day),
                "updated_at": DAY.format(day),
                "was_cancelled": False,
                "result": [
                    {"from_name": "pw", "to_name": "text1,text2", "type": "pairwise", "value": {"selected": side}}
                ],
            }
            for at, (user, side) in enumerate(by)
        ],
    }


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


def record(number: int, day: int, *by: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "id": f"rec{number}",
        "status": "completed",
        "fields": {"prompt": f"Question {number}?", "response_a": f"A {number}.", "response_b": f"B {number}."},
        "metadata": None,
        "responses": [
            {
                "id": f"res{number}{user}",
                "values": {"choice": {"value": side}, "why": {"value": "because"}},
                "status": status,
                "user_id": user,
                "inserted_at": DAY.format(day),
                "updated_at": DAY.format(day),
            }
            for user, side, status in by
        ],
        "inserted_at": DAY.format(1),
        "updated_at": DAY.format(1),
    }


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


def test_an_interrupted_pull_goes_on_where_it_stopped(server: FeedbackServer, tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    server.data(**scores(50))
    server.faults({"after": 45, "status": 403, "always": True})  # in the third page: two pages and their traces came
    with pytest.raises(PersonalrmError):
        pull_from(server, "langfuse", out)
    assert len(out.read_bytes().splitlines()) == 40
    out.write_bytes(out.read_bytes()[:-7])  # and the process was killed in a line
    kept = server.log()
    server.reset()
    server.data(**scores(50))
    done = pull_from(server, "langfuse", out)
    asked = [one["path"] for one in server.log() if "/scores" in one["path"]]
    assert ["page=3&limit=20" in asked[0], "page=40&limit=1&" in asked[1], len(asked)] == [True, True, 2]
    assert any(one["path"].split("toTimestamp=")[1] == asked[0].split("toTimestamp=")[1] for one in kept[:1])
    assert (done.added, done.known) == (10, 49)  # the line that was cut off is not there
    assert pull_from(server, "langfuse", out, since="2026-05-01").known == 50


LISTS = {
    "langfuse": ("/api/public/v2/scores", "scores"),
    "langsmith": ("/api/v1/feedback", "feedback"),
    "label-studio": ("/api/tasks", "tasks"),
    "argilla": ("/api/v1/datasets/d/records", "records"),
}


def fifty(kind: str) -> tuple[dict[str, Any], list[str]]:
    """Fifty judgements at a host, one a row, and the ids of the rows in the order in which the host gives them."""
    numbers = range(50)
    match kind:
        case "langfuse":
            return scores(50), [f"s{n}" for n in reversed(numbers)]
        case "langsmith":
            given = [feedback(n, f"r{n}", 1.0) for n in numbers]
            runs = [run_of(f"r{n}", f"Question {n}?", f"Answer {n}.") for n in numbers]
            return {"feedback": given, "runs": runs}, [str(one["id"]) for one in given]
        case "label-studio":
            return {"tasks": {"3": [task(n, 1, ("ada", "left")) for n in numbers]}}, [str(n) for n in numbers]
    return {"records": {"d": [record(n, 1, ("ada", "response_a", "submitted")) for n in numbers]}}, [
        f"rec{n}" for n in numbers
    ]


@pytest.mark.parametrize("gone", [(2,), (9,), (10,), range(10), range(3, 24), range(50)])
@pytest.mark.parametrize("kind", list(LISTS))
def test_rows_deleted_between_two_pages_hide_no_others(
    server: FeedbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, gone: Sequence[int]
) -> None:
    """Deleted rows shift those behind them: the first of the next page would be skipped."""
    monkeypatch.setattr(f"personalrm.integrations.feedback.{kind.replace('-', '_')}.PER_PAGE", 10)
    held, ids = fifty(kind)
    server.data(**held)
    path, table = LISTS[kind]
    server.delete(path, 2 if kind in ("langsmith", "argilla") else 3, table, *(ids[at] for at in gone))  # two pages
    done = pull_from(server, kind, tmp_path / "a.jsonl")
    read_before = set(range(19 if kind in ("langsmith", "argilla") else 20))
    assert done.known == len(read_before | (set(range(50)) - set(gone)))


def test_rows_deleted_while_a_pull_was_interrupted_hide_no_others(
    server: FeedbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("personalrm.integrations.feedback.argilla.PER_PAGE", 10)
    held, _ = fifty("argilla")
    server.data(**held)
    server.faults({"after": 3, "status": 403, "always": True})
    with pytest.raises(PersonalrmError):
        pull_from(server, "argilla", tmp_path / "a.jsonl")
    server.reset()
    server.data(records={"d": held["records"]["d"][7:]})
    assert pull_from(server, "argilla", tmp_path / "a.jsonl").known == 50


@pytest.mark.parametrize("kind", ["langsmith", "argilla", "langfuse"])
def test_a_host_that_gives_the_same_page_for_ever_is_told(
    server: FeedbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(f"personalrm.integrations.feedback.{kind}.PER_PAGE", 10)
    held, _ = fifty(kind)
    server.data(**held, stuck=True, v4=True)
    with pytest.raises(UnusableResponse, match=r"repeats|already"):
        pull_from(server, kind, tmp_path / "a.jsonl")
    assert len(server.log()) < 200


@pytest.mark.parametrize("kind", list(KEYS))
def test_a_busy_or_failing_host_is_asked_again(server: FeedbackServer, tmp_path: Path, kind: str) -> None:
    server.data(**scores(2), feedback=[], ratings=[], tasks={"1": []}, records={"d": []})
    server.faults(
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"status": 500},
        {"garbage": True},
        {"drop": True},
        {"status": 503, "headers": {"retry-after-ms": "20"}},
    )
    assert pull_from(server, kind, tmp_path / "a.jsonl").pages == 1


@pytest.mark.parametrize("kind", list(KEYS))
def test_no_key_is_told_or_kept_whatever_the_host_does(
    server: FeedbackServer, tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = {"langfuse": "pk-lf-wrong-0123:sk-lf-wrong-0123"}.get(kind, "a-wrong-key-0123456789")
    with pytest.raises(EndpointRefused, match=r"refuses the key \(401\)") as refused:
        pull_from(server, kind, tmp_path / "a.jsonl", key=wrong)
    server.faults({"garbage": True, "always": True})
    with pytest.raises(UnusableResponse) as unusable:
        pull_from(server, kind, tmp_path / "a.jsonl")
    server.reset()
    server.faults({"status": 500, "always": True})
    with pytest.raises(Unreachable) as failed:
        pull_from(server, kind, tmp_path / "a.jsonl")
    said = f"{refused.value} {unusable.value} {failed.value} {caplog.text}"
    said += "".join(one.read_text("utf-8") for one in tmp_path.rglob("*") if one.is_file())
    parts = (KEY, wrong, *wrong.split(":"), *KEYS[kind].split(":"))
    assert [one for one in parts if one in said] == []


@pytest.mark.parametrize("kind", list(KEYS))
def test_a_redirect_is_told_and_the_key_does_not_follow_it(server: FeedbackServer, tmp_path: Path, kind: str) -> None:
    with FeedbackServer() as other:
        server.faults({"status": 302, "headers": {"Location": f"{other.url}/api/elsewhere"}, "always": True})
        with pytest.raises(EndpointRefused, match=f"has moved.*{other.port}"):
            pull_from(server, kind, tmp_path / "a.jsonl")
        assert other.log() == []


def test_a_feedback_row_that_holds_the_key_is_kept_without_it(server: FeedbackServer, tmp_path: Path) -> None:
    held = scores(2)
    held["traces"]["t0"]["output"]["content"] = f"Use {PAIR.split(':')[1]}."
    server.data(**held)
    pull_from(server, "langfuse", tmp_path / "a.jsonl")
    assert "Use [key]." in (tmp_path / "a.jsonl").read_text("utf-8")


def test_a_key_spelled_in_json_escapes_is_found(tmp_path: Path) -> None:
    api = Api(ApiHost("http://localhost:1", api_key=KEY), "KEY")
    spelled = "".join(f"\\u{ord(one):04x}" for one in KEY)
    assert api._parsed(f'{{"said": "Use {spelled}."}}'.encode()) == {"said": "Use [key]."}


def test_a_long_wait_a_dead_host_and_an_endless_body_end_in_one_sentence(
    server: FeedbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults({"status": 429, "headers": {"Retry-After": "86400"}})
    with pytest.raises(Unreachable, match="86,400 s"):
        pull_from(server, "argilla", tmp_path / "a.jsonl")
    monkeypatch.setattr("personalrm.integrations.feedback.pulling.MOST_BYTES", 1 << 16)
    server.faults({"endless": 1 << 18, "always": True})
    with pytest.raises(UnusableResponse, match="longer than"):
        pull_from(server, "argilla", tmp_path / "a.jsonl")
    with dead_port() as port, pytest.raises(Unreachable, match="cannot be reached"):
        pull("argilla", tmp_path / "a.jsonl", url=f"http://127.0.0.1:{port}", key=KEY)


def test_answers_of_another_form_are_one_sentence(server: FeedbackServer, tmp_path: Path) -> None:
    server.data(ratings={"items": []})
    with pytest.raises(UnusableResponse, match="list"):
        pull_from(server, "open-webui", tmp_path / "a.jsonl")


def test_a_file_that_no_pull_of_this_host_wrote_is_left_alone(server: FeedbackServer, tmp_path: Path) -> None:
    mine = tmp_path / "mine.jsonl"
    mine.write_bytes(orjson.dumps({"prompt": "Hi"}))
    with pytest.raises(DataError, match="was not written by"):
        pull_from(server, "open-webui", mine)
    assert mine.read_bytes() == orjson.dumps({"prompt": "Hi"})
    server.data(ratings=[rating(1, 1)], records={"d": []})
    pull_from(server, "open-webui", tmp_path / "a.jsonl")
    with pytest.raises(DataError, match="holds feedback of open-webui"):
        pull_from(server, "argilla", tmp_path / "a.jsonl")
    for wrong in ({"url": None}, {"since": "yesterday"}, {"key": "schlüssel-0123456789"}):
        with pytest.raises(DataError):
            pull_from(server, "open-webui", tmp_path / "a.jsonl", **wrong) if "url" not in wrong else pull(
                "open-webui", tmp_path / "b.jsonl"
            )


def test_the_command_takes_url_and_key_from_the_environment(
    server: FeedbackServer, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a.jsonl"
    server.data(ratings=[rating(1, 1), {**rating(2, 1), "snapshot": {}}, {**rating(3, 1), "user_id": None}])
    monkeypatch.setenv("OPEN_WEBUI_API_KEY", KEY)
    monkeypatch.setenv("OPEN_WEBUI_URL", server.url)
    done = run("pull", "open-webui", "--out", str(out), "--json")
    assert json.loads(done.out)["added"] == 1
    assert "1 judgement without a user" in done.err
    assert "feedback w2: field 'snapshot'" in done.err
    assert "0 judgements added" in run("pull", "open-webui", "--out", str(out)).out
