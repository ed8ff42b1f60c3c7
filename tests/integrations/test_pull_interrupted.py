"""A pull that is interrupted, meets deleted rows or faulty hosts: nothing is lost, doubled or told."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from command_line import Run
from feedback_rows import KEYS, feedback, pull_from, rating, record, run_of, running, scores, server, task
from feedback_server import KEY, PAIR, FeedbackServer
from odd_hosts import dead_port

from personalrm.errors import DataError, EndpointRefused, PersonalrmError, Unreachable, UnusableResponse
from personalrm.integrations.feedback import pull
from personalrm.integrations.feedback.api import Api, ApiHost

__all__ = ["running", "server"]


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
