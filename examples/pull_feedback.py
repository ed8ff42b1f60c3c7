"""Feedback from another tool as a file of choices. A small server answers here as Open WebUI's export does.

With a host: OPEN_WEBUI_API_KEY=… personalrm pull open-webui --url https://… --out choices.jsonl
"""

from __future__ import annotations

import json
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from personalrm import read_history
from personalrm.integrations.feedback import pull


def rated(number: int) -> dict[str, Any]:
    """A thumb up for the first of two answers that an arena showed."""
    messages = {
        "q": {"id": "q", "parentId": None, "childrenIds": ["a", "b"], "role": "user", "content": f"Dish {number}?"},
        "a": {"id": "a", "parentId": "q", "childrenIds": [], "role": "assistant", "content": f"{number} minutes."},
        "b": {"id": "b", "parentId": "q", "childrenIds": [], "role": "assistant", "content": "That may depend …"},
    }
    return {
        "id": f"feedback-{number}",
        "user_id": "mira",
        "type": "rating",
        "data": {"rating": 1},
        "meta": {"arena": True, "chat_id": f"chat-{number}", "message_id": "a"},
        "snapshot": {"chat": {"chat": {"history": {"messages": messages}}}},
        "created_at": 1_777_000_000 + number,
        "updated_at": 1_777_000_000 + number,
    }


class Export(BaseHTTPRequestHandler):
    """GET /api/v1/evaluations/feedbacks/all/export."""

    def do_GET(self) -> None:
        body = json.dumps([rated(number) for number in range(1, 6)]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def main() -> None:
    server = ThreadingHTTPServer(("localhost", 0), Export)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "choices.jsonl"
        for _ in range(2):
            done = pull("open-webui", out, url=f"http://localhost:{server.server_port}", key="a-key-of-your-own")
            print(f"{done.added} added, {done.known} in all")
        print(f"{len(read_history(out))} choices of {read_history(out).user}")
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
