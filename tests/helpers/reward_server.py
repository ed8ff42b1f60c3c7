"""A process that answers like vLLM or SGLang with a reward model; its rewards are a rule that tests can check.

    with RewardServer("chat") as server: server.url, server.log()

The reward of an answer is minus its words over ten; with a system turn that says "at least", plus. Modes: ``chat``
(vLLM), ``pooling`` (vLLM without /classify), ``no-system`` (its template refuses system turns), ``text`` (takes no
messages), ``sglang``, ``two`` (two outputs), ``nan``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class RewardServer:
    """The process, from the outside."""

    def __init__(self, mode: str, key: str = "") -> None:
        self._mode, self._key = mode, key

    def __enter__(self) -> RewardServer:
        command = [sys.executable, os.path.abspath(__file__), self._mode, self._key]  # noqa: PTH100
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"http://localhost:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def log(self) -> list[dict[str, Any]]:
        """Path and body of every request."""
        connection = HTTPConnection("localhost", self.port, timeout=10)
        try:
            connection.request("GET", "/_log")
            return list(json.loads(connection.getresponse().read()))
        finally:
            connection.close()


def reward(system: str, answer: str) -> float:
    sign = 1.0 if "at least" in system else -1.0
    return sign * len(answer.split()) / 10


LOG: list[dict[str, Any]] = []
MODE, KEY = (sys.argv[1], sys.argv[2]) if __name__ == "__main__" else ("", "")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def do_GET(self) -> None:
        self._send(200, LOG)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        LOG.append({"path": self.path, "body": body})
        if KEY and self.headers.get("Authorization") != f"Bearer {KEY}":
            return self._send(401, {"error": "Unauthorized"})
        known = {"pooling": ("/pooling",)}.get(
            MODE, ("/classify",) if MODE in ("sglang", "text") else ("/classify", "/pooling")
        )
        if self.path not in known:
            return self._send(404, {"detail": "Not Found"})
        return self._send(*self._answer(body))

    def _answer(self, body: dict[str, Any]) -> tuple[int, Any]:
        if MODE == "sglang":
            return 200, [{"embedding": [self._of_text(one)], "meta_info": {}} for one in body["text"]]
        if body.get("use_activation", True):
            return 400, {"error": {"message": "the test wants logits"}}
        if MODE == "text":
            if "input" not in body:
                return 422, {"detail": [{"loc": ["body", "input"], "msg": "Field required"}]}
            value = self._of_text(body["input"][0])
        else:
            roles = [one["role"] for one in body["messages"]]
            if MODE == "no-system" and "system" in roles:
                return 400, {"error": {"message": "System role not supported by the chat template"}}
            assert roles[-1] == "assistant"
            system = " ".join(one["content"] for one in body["messages"] if one["role"] == "system")
            value = reward(system, body["messages"][-1]["content"])
        if self.path == "/pooling":
            return 200, {"object": "list", "data": [{"index": 0, "object": "pooling", "data": [value]}]}
        probs = {"two": [value, -value], "nan": [None]}.get(MODE, [value])
        return 200, {
            "object": "list",
            "data": [{"index": 0, "label": "LABEL_0", "probs": probs, "num_classes": len(probs)}],
        }

    def _of_text(self, text: str) -> float:
        said, _, answer = text.rpartition("<|im_start|>assistant\n")
        return reward(said, answer.removesuffix("<|im_end|>\n"))

    def _send(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


if __name__ == "__main__":
    served = ThreadingHTTPServer(("localhost", 0), Handler)
    print(served.server_address[1], flush=True)  # noqa: T201
    served.serve_forever()
