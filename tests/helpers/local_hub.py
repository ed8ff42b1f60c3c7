"""A small Hugging Face hub: a real server for the requests of `huggingface_hub`.

hub = LocalHub({"owner/name": {"data/train.parquet": b"…"}})
HF_ENDPOINT=hub.url …

Files of more than 200 bytes are in large file storage: `resolve` redirects to another path, as for LFS and Xet, with
their SHA-256 as ETag; smaller ones are returned directly with their git blob id.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = 200
COMMIT = "c0ffee" * 6 + "c0ff"


class LocalHub:
    """Repositories by name, with their files. ``gated`` ones need a token; ``asked`` and ``tokens`` record the
    requests.

    ``stop_after`` breaks off the next large download after this many bytes; ``spoiled`` files are returned with wrong
    content.
    """

    def __init__(self, repos: Mapping[str, Mapping[str, bytes]], gated: tuple[str, ...] = ()) -> None:
        self.repos, self.gated = repos, gated
        self.asked: list[str] = []
        self.tokens: list[str | None] = []
        self.ranges: list[str | None] = []
        self.stop_after: dict[str, int] = {}
        self.spoiled: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        port = self._server.server_address[1]
        self.url, self.storage = f"http://127.0.0.1:{port}", f"http://localhost:{port}"  # two hosts, as the real ones

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sibling(name: str, content: bytes) -> dict[str, Any]:
    """A file in the API's format."""
    found: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git_id(content)}
    if len(content) > LARGE:
        found["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return found


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        self.hub.tokens.append(self.headers.get("Authorization"))
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "datasets"]:
            self._api("/".join(parts[2:4]), parts[5:])
        elif parts[0] == "datasets" and parts[3:4] == ["resolve"]:
            self._resolve("/".join(parts[1:3]), "/".join(parts[5:]), body)
        elif parts[0] == "storage":
            self._send_large("/".join(parts[1:3]), "/".join(parts[3:]), body)
        else:
            self._say(404, {}, b"")

    def _api(self, repo: str, revision: list[str]) -> None:
        files = self.hub.repos.get(repo)
        if files is None:
            self._say(401, {"X-Error-Code": "RepoNotFound"}, b'{"error": "Repository not found"}')
        elif revision and "/".join(revision) not in ("main", "refs/convert/parquet", COMMIT):
            self._say(404, {"X-Error-Code": "RevisionNotFound"}, b'{"error": "Invalid rev id"}')
        else:
            listed = [sibling(name, content) for name, content in files.items()]
            card = {"license": "cc-by-4.0"}
            gated = "auto" if repo in self.hub.gated else False
            about = {"id": repo, "sha": COMMIT, "private": False, "gated": gated, "cardData": card, "siblings": listed}
            self._say(200, {"Content-Type": "application/json"}, json.dumps(about).encode())

    def _resolve(self, repo: str, name: str, body: bool) -> None:
        content = self.hub.repos.get(repo, {}).get(name)
        if repo in self.hub.gated and self.headers.get("Authorization") != "Bearer hf_good":
            self._say(401 if self.headers.get("Authorization") is None else 403, {"X-Error-Code": "GatedRepo"}, b"{}")
        elif content is None:
            self._say(404, {"X-Error-Code": "EntryNotFound"}, b"{}")
        elif len(content) > LARGE:
            sha256 = hashlib.sha256(content).hexdigest()
            headers = {"X-Repo-Commit": COMMIT, "X-Linked-ETag": f'"{sha256}"', "X-Linked-Size": str(len(content))}
            self._say(302, {**headers, "Location": f"{self.hub.storage}/storage/{repo}/{name}"}, b"")
        else:
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{git_id(content)}"'}
            self._say(200, headers, self._spoiled(name, content), body)

    def _send_large(self, repo: str, name: str, body: bool) -> None:
        content = self._spoiled(name, self.hub.repos[repo][name])
        begin = self.headers.get("Range")
        self.hub.ranges.append(begin)
        start = int(begin.removeprefix("bytes=").rstrip("-")) if begin else 0
        if name in self.hub.stop_after:
            self._say(200, {}, content[: self.hub.stop_after.pop(name)], body, length=len(content))
            self.close_connection = True
            return
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if begin else {}
        self._say(206 if begin else 200, headers, content[start:], body)

    def _spoiled(self, name: str, content: bytes) -> bytes:
        return bytes([content[0] ^ 1]) + content[1:] if name in self.hub.spoiled else content

    def _say(
        self, status: int, headers: Mapping[str, str], content: bytes, body: bool = True, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(content)
