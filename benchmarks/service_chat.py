"""Overhead of the chat endpoint over its upstream: the same host called directly and through the service, alternating.

    python benchmarks/service_chat.py

The upstream, a thread of this script, answers immediately. The overhead is the median difference over all pairs of
requests, for complete answers and for first bytes of streams. All figures are from one run.
"""

from __future__ import annotations

import http.client
import json
import statistics
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from personalrm.data.simulated import Setting, simulate
from service_load import Service, row

PAIRS, WARM = 300, 30
ANSWER = {"role": "assistant", "content": "Eight minutes."}


class Upstream(BaseHTTPRequestHandler):
    """Answers immediately, completely or as a stream of one event."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked.get("stream"):
            event = json.dumps({"id": "x", "choices": [{"index": 0, "delta": ANSWER, "finish_reason": "stop"}]})
            sent, kind = f"data: {event}\n\ndata: [DONE]\n\n".encode(), "text/event-stream"
        else:
            sent = json.dumps(
                {"id": "x", "choices": [{"index": 0, "message": ANSWER, "finish_reason": "stop"}]}
            ).encode()
            kind = "application/json"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(sent)}\r\n\r\n"
        self.wfile.write(head.encode() + sent)


def ask(connection: http.client.HTTPConnection, key: str, **more: Any) -> float:
    """Milliseconds until the first line of the answer."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}], **more})
    began = time.perf_counter()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    connection.request("POST", "/v1/chat/completions", body, headers)
    answer = connection.getresponse()
    answer.readline()
    found = (time.perf_counter() - began) * 1e3
    answer.read()
    return found


def learned(service: Service, connection: http.client.HTTPConnection) -> str:
    """Create a person with a profile."""
    history = simulate(1, Setting(choices=30, seed=1))[0].history
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {service.key}"}
    path = f"/v1/people/{history.user}"
    body = json.dumps({"choices": [row(one) for one in history.choices]})
    connection.request("POST", f"{path}/choices", body, headers)
    connection.getresponse().read()
    while True:
        connection.request("GET", path, headers=headers)
        if json.loads(connection.getresponse().read())["up_to_date"]:
            return history.user
        time.sleep(0.1)


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        port = server.server_address[1]
        service = Service(f"sqlite:///{folder}/chat.sqlite", "--upstream", f"http://127.0.0.1:{port}/v1")
        direct, through = (http.client.HTTPConnection("127.0.0.1", one) for one in (port, urlsplit(service.url).port))
        try:
            user = learned(service, through)
            for name, stream in (("whole answer", False), ("first byte of a stream", True)):
                for _ in range(WARM):
                    ask(through, service.key, user=user, stream=stream)
                before = service.cpu_s()
                pairs = [
                    (ask(direct, "", stream=stream), ask(through, service.key, user=user, stream=stream))
                    for _ in range(PAIRS)
                ]
                cpu = (service.cpu_s() - before) / PAIRS * 1e3
                medians = [statistics.median(side) for side in zip(*pairs, strict=True)]
                more = statistics.median(two - one for one, two in pairs)
                print(f"{name:<24} direct {medians[0]:.2f} ms, through {medians[1]:.2f} ms, overhead {more:.2f} ms")
                print(f"{'':<24} {cpu:.2f} ms of processor time a request in the service")
        finally:
            direct.close()
            through.close()
            service.stop()
            server.shutdown()
            server.server_close()


if __name__ == "__main__":
    main()
