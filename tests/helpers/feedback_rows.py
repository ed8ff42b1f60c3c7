"""A server of feedback for a whole module, and rows as its hosts give them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from feedback_server import KEY, PAIR, FeedbackServer

from personalrm.integrations.feedback import Pulled, pull

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
