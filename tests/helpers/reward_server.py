"""A server process that imitates vLLM or SGLang with a reward model; the rewards follow a rule that tests can check.

    with RewardServer("chat") as server: server.url, server.log()

The reward of an answer is minus its number of words over ten, or plus if the system message contains "at least". Modes:
``chat`` (vLLM), ``pooling`` (vLLM without /classify), ``no-system`` (its template refuses system messages), ``text``
(accepts no messages), ``sglang``, ``two`` (two outputs), ``nan``.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from server_process import JsonHandler, ServerProcess, serve


class RewardServer(ServerProcess):
    """Starts and controls the process."""

    script = os.path.abspath(__file__)  # noqa: PTH100

    def __init__(self, mode: str, key: str = "") -> None:
        super().__init__(mode, key)

    def log(self) -> list[dict[str, Any]]:
        """Path and body of every request."""
        return list(self.ask("GET", "/_log"))


def reward(system: str, answer: str) -> float:
    sign = 1.0 if "at least" in system else -1.0
    return sign * len(answer.split()) / 10


LOG: list[dict[str, Any]] = []
MODE, KEY = (sys.argv[1], sys.argv[2]) if __name__ == "__main__" else ("", "")


class Handler(JsonHandler):
    def do_GET(self) -> None:  # noqa: N802
        self.send_json(200, LOG)

    def do_POST(self) -> None:  # noqa: N802
        body = self.body()
        LOG.append({"path": self.path, "body": body})
        if KEY and self.headers.get("Authorization") != f"Bearer {KEY}":
            return self.send_json(401, {"error": "Unauthorized"})
        known = {"pooling": ("/pooling",)}.get(
            MODE, ("/classify",) if MODE in ("sglang", "text") else ("/classify", "/pooling")
        )
        if self.path not in known:
            return self.send_json(404, {"detail": "Not Found"})
        return self.send_json(*self._answer(body))

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


if __name__ == "__main__":
    serve(Handler)
