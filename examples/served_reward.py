"""A served reward model as an engine. A small server imitates vLLM's /classify: shorter answers get higher rewards.

With vLLM: personalrm fit mira.jsonl --model vllm-classify:NAME@http://localhost:8000 --out mira.json
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from personalrm import Client


class Classify(BaseHTTPRequestHandler):
    """vLLM's response for a model with one output."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reward = -len(asked["messages"][-1]["content"]) / 50
        data = [{"index": 0, "label": "LABEL_0", "probs": [reward], "num_classes": 1}]
        body = json.dumps({"object": "list", "model": asked["model"], "data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def served() -> Iterator[str]:
    """The URL of the server while it runs."""
    server = ThreadingHTTPServer(("localhost", 0), Classify)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    with served() as url:
        client = Client(f"vllm-classify:reward@{url}")
        profile = client.fit(Path(__file__).with_name("mira.jsonl"))
        for answer in ("Nine minutes.", "That may well depend on a great many things, so do check!"):
            print(f"{client.score(profile, 'How long does pasta take?', answer):+.2f}  {answer}")
        client.close()


if __name__ == "__main__":
    main()
