"""Feedback from five tools as files of choices. A small server imitates each of them; each returns one choice.

With a real host: OPEN_WEBUI_API_KEY=… personalrm pull open-webui --url https://… --out choices.jsonl
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from personalrm import read_history
from personalrm.integrations.feedback import SERVICES, pull

ASKED, GOOD, BAD, TIME = "How long does pasta take?", "Nine minutes.", "That may depend …", "2026-05-01T10:00:00.000Z"


def judged(id_: str, score: int, **more: Any) -> dict[str, Any]:
    """The common part of Langfuse and LangSmith: an answer and its score."""
    return {"id": id_, "score": score, "value": score, "comment": None, **more}


def open_webui_rating() -> dict[str, Any]:
    """A thumb up for the first of two answers shown in an arena."""
    turn: dict[str, Any] = {"parentId": "q", "childrenIds": [], "role": "assistant"}
    messages = {
        "q": {"id": "q", "parentId": None, "childrenIds": ["a", "b"], "role": "user", "content": ASKED},
        "a": {"id": "a", **turn, "content": GOOD},
        "b": {"id": "b", **turn, "content": BAD},
    }
    snapshot = {"chat": {"chat": {"history": {"messages": messages}}}}
    meta = {"arena": True, "chat_id": "chat", "message_id": "a"}
    times = {"created_at": 1_777_000_000, "updated_at": 1_777_000_000}
    told = {"id": "w1", "user_id": "mira", "type": "rating", "data": {"rating": 1}}
    return {**told, "meta": meta, "snapshot": snapshot, **times}


def langfuse_trace(name: str) -> dict[str, Any]:
    said = GOOD if name == "t1" else BAD
    return {"id": name, "userId": "mira", "input": [{"role": "user", "content": ASKED}], "output": said}


def langsmith_run(name: str, said: str) -> dict[str, Any]:
    return {"id": name, "inputs": {"question": ASKED}, "outputs": {"answer": said}, "extra": {}}


PERSON = {"feedback_source": {"type": "app", "user_id": "mira"}, "feedback_group_id": "g", "key": "like"}
SCORE = {"name": "thumb", "dataType": "BOOLEAN", "source": "API", "timestamp": TIME}
PAIR = {"from_name": "pw", "to_name": "text1,text2", "type": "pairwise", "value": {"selected": "left"}}
ANNOTATION = {"id": 1, "completed_by": {"id": 7, "email": "mira"}, "updated_at": TIME, "result": [PAIR]}
ANSWER = {"id": "x", "user_id": "mira", "status": "submitted", "updated_at": TIME, "values": {"c": {"value": "a"}}}
FIELDS = {"prompt": ASKED, "response_a": GOOD, "response_b": BAD}
ANSWERS: dict[str, Any] = {
    "/api/public/v2/scores": {"data": [judged("s1", 1, traceId="t1", **SCORE), judged("s2", 0, traceId="t2", **SCORE)]},
    "/api/public/traces/t1": langfuse_trace("t1"),
    "/api/public/traces/t2": langfuse_trace("t2"),
    "/api/v1/feedback": [judged(f"f{at}", at % 2, run_id=f"r{at}", created_at=TIME, **PERSON) for at in (1, 2)],
    "/api/v1/runs/query": {"runs": [langsmith_run("r1", GOOD), langsmith_run("r2", BAD)]},
    "/api/v1/evaluations/feedbacks/all/export": [open_webui_rating()],
    "/api/projects": {"count": 1, "results": [{"id": 3}]},
    "/api/tasks": {
        "total": 1,
        "tasks": [{"id": 1, "data": {"prompt": ASKED, "text1": GOOD, "text2": BAD}, "annotations": [ANNOTATION]}],
    },
    "/api/v1/me/datasets": {"items": [{"id": "d", "name": "answers"}]},
    "/api/v1/datasets/d/records": {
        "items": [
            {"id": "r", "fields": {"prompt": ASKED, "response_a": GOOD, "response_b": BAD}, "responses": [ANSWER]}
        ]
    },
}


class Hosts(BaseHTTPRequestHandler):
    """All five hosts at one address."""

    def do_GET(self) -> None:
        found = ANSWERS.get(urlsplit(self.path).path)
        body = json.dumps(found).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def hosts() -> Iterator[str]:
    """The URL of the server while it runs."""
    server = ThreadingHTTPServer(("localhost", 0), Hosts)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, hosts() as url:
        for kind in SERVICES:
            out = Path(folder) / f"{kind}.jsonl"
            added = [pull(kind, out, url=url, key="public-key:secret-key").added for _ in range(2)]
            [choice] = read_history(out)
            print(f"{kind}: {added[0]} added, then {added[1]}; {choice.user} prefers {choice.chosen}")


if __name__ == "__main__":
    main()
