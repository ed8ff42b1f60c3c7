"""HTTP servers for tests, each in a separate process.

class MyServer(ServerProcess):                        # in the tests
    script = os.path.abspath(__file__)
class Handler(JsonHandler): ...                       # in the server process; the script ends with: serve(Handler)
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self


class ServerProcess:
    """Starts and stops the process: ``with MyServer() as server: server.url``."""

    script: ClassVar[str]

    def __init__(self, *words: str) -> None:
        self._words = words

    def __enter__(self) -> Self:
        command = [sys.executable, self.script, *self._words]
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

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON response of a path."""
        connection = HTTPConnection("localhost", self.port, timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


class JsonHandler(BaseHTTPRequestHandler):
    """Reads and sends JSON; headers and body are sent together, because a second packet would wait for the first's
    ACK."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16

    def body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")

    def send_json(self, status: int, value: Any) -> None:
        self.send_bytes(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def send_bytes(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def serve(handler: type[BaseHTTPRequestHandler]) -> None:
    """Print the port, then serve until the process is stopped."""
    served = ThreadingHTTPServer(("localhost", 0), handler)
    print(served.server_address[1], flush=True)  # noqa: T201
    served.serve_forever()
