"""Hosts that send anything: an answer or one of our errors, kept or not, never a fault of ours and never a hang.

Short here; PERSONALRM_FUZZ=20000 makes it long (`make fuzz`).
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from odd_hosts import OddHost, question

from personalrm.errors import EndpointError
from personalrm.llm.answers import choice_probability, parse_choice, parse_json, why_unparsed
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.llm.endpoint import Completion, SamplingParams

FAULTS = int(os.environ.get("PERSONALRM_FUZZ", "60"))
GOOD: dict[str, Any] = {
    "id": "x",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": '{"reasoning": "short", "preference": "B"}'},
            "logprobs": {
                "content": [
                    {"token": "B", "logprob": -0.2, "top_logprobs": [{"token": "A", "logprob": -1.7, "bytes": [65]}]}
                ]
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 30,
        "completion_tokens": 4,
        "cost": 0.01,
        "prompt_tokens_details": {"cached_tokens": 3},
    },
}
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**63, 2**80, -(2**70), 1e308, float("nan"), float("inf"), -0.0, 1e-320),
    *("", "A", "\ud83d", "\x00", "\x1b[2J", "<think>", "x" * 5000, "NaN", "9" * 5000, "length", "content_filter"),
    *([], {}, [[]], {"a": []}, [None], {"content": None}, ["A"] * 50, {"code": 429, "message": "per-day"}),
)
STATUSES = (200, 200, 200, 200, 201, 204, 301, 400, 401, 403, 404, 413, 418, 422, 429, 451, 500, 502, 503, 529, 599)
HEADERS = (
    {},
    {"Retry-After": "0"},
    {"Retry-After": "9" * 5000},
    {"Retry-After": "Wed, 21 Oct 100000000000000000000 07:28:00 GMT"},
    {"retry-after-ms": "-5"},
    {"Location": "http://u:p@h/\x7f"},
    {"Content-Encoding": "gzip"},
    {"Content-Encoding": "br"},
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in a JSON value."""
    found: list[tuple[Any, Any]] = []
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        found.append((value, key))
        found += places(value[key])
    return found


def mutated(draw: random.Random) -> bytes:
    """A chat completion with a few things changed, taken out or doubled, or with its bytes damaged."""
    answer = json.loads(json.dumps(GOOD))
    for _ in range(draw.choice([1, 1, 2, 4])):
        container, key = draw.choice(places(answer) or [({}, "")])
        if draw.random() < 0.2 and isinstance(container, dict):
            container.pop(key, None)
        else:
            container[key] = draw.choice(VALUES)
    body = json.dumps(answer).encode()
    if draw.random() < 0.2:
        damaged = bytearray(body)
        for _ in range(draw.choice([1, 3, 30])):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        body = bytes(damaged)[: draw.choice([len(damaged), len(damaged) // 2, 3, 0])]
    return body


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("FIRST_WAIT_S", 0.0005), ("TRIES", 2), ("TRIES_AT_START", 2), ("STANDS_S", 0.0)):
        monkeypatch.setattr(f"personalrm.llm.http_client.{name}", value)
    monkeypatch.setattr("personalrm.llm.scheduler.FIRST_PAUSE_S", 0.001)


async def test_whatever_a_host_sends_is_an_answer_or_one_of_our_errors(tmp_path: Path) -> None:
    draw = random.Random(20261128)
    replies: list[tuple[int, bytes, dict[str, str]]] = []

    def reply(*_: Any) -> Any:
        status, body, headers = replies[-1]
        return (status, body, headers) if status not in (204,) else (status, b"")

    path = tmp_path / "a.sqlite"
    kept, said = 0, list[str]()
    async with OddHost(reply) as odd:
        for at in range(FAULTS):
            replies.append((draw.choice(STATUSES), mutated(draw), draw.choice(HEADERS)))
            llm = connect("m", EndpointOptions(base_url=odd.url, cache=path, timeout=0.3))
            try:
                params = SamplingParams(draw.choice([4, 300]), logprobs=5)
                found = await llm.complete(question(at), params)
            except EndpointError as error:
                said.append(str(error))
            else:
                assert isinstance(found, Completion)
                parse_choice(found.text), parse_json(found.text), why_unparsed(found.text)
                if found.tokens is not None:
                    probability = choice_probability(found.tokens)
                    assert probability is None or 0.0 <= probability <= 1.0
                kept += bool(found.text.strip())
                again = await llm.complete(question(at), params) if found.text.strip() else found
                assert again.text == found.text
            await llm.aclose()
    assert kept > FAULTS // 20
    assert all(one.isprintable() for one in said)  # on one line, and nothing that commands a terminal
