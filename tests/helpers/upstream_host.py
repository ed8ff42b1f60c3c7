"""An OpenAI-compatible host in a thread, whose behaviour depends on the model name; for tests of the chat endpoint."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SHORT, LONG = "Do it in 4 steps.", "There are many things to consider, 7 of them. " * 12
ANSWERS = (LONG, SHORT, LONG + "And more. " * 9, "Do it in 5 steps.")


class UpstreamHost:
    """Answers with `ANSWERS` in turn. ``url`` is its base URL; ``bodies`` and ``headers`` record the requests.

    Models: ``single`` ignores ``n``; ``echoes`` repeats the key that it gets; ``breaks`` closes its stream early; those
    of `FAULTS` fail in different ways.
    """

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"host": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    host: UpstreamHost
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.host.headers.append(dict(self.headers))
        self._send(200, json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.host.bodies.append(body)
        self.host.headers.append(dict(self.headers))
        fault = FAULTS.get(body["model"])
        if fault is not None:
            self._send(fault[0], fault[1], **fault[2])
        elif body.get("stream"):
            self._stream(body)
        else:
            count = 1 if body["model"] == "single" else body.get("n", 1)
            at = len(self.host.bodies) - 1 if body["model"] == "single" else 0
            texts = [ANSWERS[(at + number) % len(ANSWERS)] for number in range(count)]
            if body["model"] == "echoes":
                texts = [f"You sent {self.headers['Authorization']}."] * count
            self._send(200, json.dumps(completion(body["model"], texts)))

    def _send(self, status: int, text: str, **headers: str) -> None:
        sent = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def _stream(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if body["model"] == "echoes":
            said = f"You sent {self.headers['Authorization']}, twice: {self.headers['Authorization'].upper()}"
            for at in range(0, len(said), 5):
                delta = {"content": said[at : at + 5], "reasoning_content": said[at : at + 5]}
                self._chunk({"id": "upstream", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
            self._raw(b"data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")
            return
        for number, word in enumerate(SHORT.split(" ")):
            if number == 1:
                self.host.gate.wait(30)
            if number == 2 and body["model"] == "breaks":
                self.close_connection = True
                return
            delta = {"content": word if number == 0 else f" {word}"}
            self._chunk({"id": "upstream", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        self._chunk({"id": "upstream", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self._raw(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, value: Any) -> None:
        self._raw(b"data: " + json.dumps(value).encode() + b"\n\n")

    def _raw(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


FAULTS: dict[str, tuple[int, str, dict[str, str]]] = {
    "refuses": (400, json.dumps({"error": {"message": "no such parameter, sk-upstream-secret"}}), {}),
    "busy": (429, json.dumps({"error": {"message": "slow down"}}), {"Retry_After": "7"}),
    "key": (401, json.dumps({"error": {"message": "bad key sk-upstream-secret"}}), {}),
    "html": (200, "<html>gateway</html>", {}),
    "failing": (500, "oops", {}),
    "moved": (307, "", {"Location": "/v1/chat/completions"}),
    "nothing": (200, "{}", {}),
    "numbers": (200, json.dumps({"choices": [None, 5]}), {}),
    "silent": (200, json.dumps({"choices": [{"index": 0, "message": None}]}), {}),
}


def completion(model: str, texts: list[str]) -> dict[str, Any]:
    choices = [
        {"index": at, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for at, text in enumerate(texts)
    ]
    made = {"id": "upstream", "object": "chat.completion", "created": int(time.time()), "model": model}
    return {**made, "choices": choices, "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
