"""Whole commands against odd hosts: they end well, or with one sentence that names the cause and exit 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
from command_line import Done, Run, sentence
from odd_hosts import OddHost, answer, error, in_a_thread

from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices
from personalrm.llm.simulated.answers import Answerer, flatten
from personalrm.llm.simulated.behaviour import Behaviour
from personalrm.llm.simulated.statistics import Statistics


class Sound:
    """The simulated judge, to which quirks are added."""

    def __init__(self) -> None:
        self._answerer, self._statistics = Answerer(), Statistics()

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        call = self._statistics.arrived(orjson.dumps(body))
        payload = self._answerer.answer(body, flatten(body), Behaviour(), call, 1).payload
        return dict(orjson.loads(payload))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalrm.llm.http_client.FIRST_WAIT_S", 0.001)
    monkeypatch.setattr("personalrm.llm.http_client.LONGEST_WAIT_S", 0.002)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "two.jsonl"
    drawn = simulate_people(2, choices=6, prompt_tokens=20, response_tokens=40, noise=0.2)
    write_choices(path, (one for history in drawn for one in history.choices))
    return path


def commands(run: Run, people: Path, odd: OddHost, tmp_path: Path) -> dict[str, Done]:
    """`bench`, `fit` and `evaluate` at the host; the profile of `evaluate` is fitted at a sound one."""
    sound, ask = Sound(), ("--base-url", odd.url, "--timeout", "9")
    user = ("--user", "simulated-0-0000")
    with in_a_thread(lambda body, _: (200, sound(body))) as other:
        fitted = run("fit", people, *user, "--model", "judge:m", "--out", tmp_path / "p.json", "--base-url", other.url)
        assert fitted.code == 0, fitted
    methods = ("--methods", "default,synthesizeme", "--model", "m", "--folds", "2")
    return {
        "fit": run("fit", people, *user, "--model", "judge:m", *ask),
        "evaluate": run("evaluate", tmp_path / "p.json", people, *ask),
        "bench": run("bench", people, *methods, *ask),
    }


def some(quirks: Iterable[str], fast: set[str]) -> list[Any]:
    """All quirks; those that `test_odd_hosts.py` of the client also has, by hand only."""
    return [one if one in fast else pytest.param(one, marks=pytest.mark.slow) for one in quirks]


PAGE = b"<!DOCTYPE html><title>Sign in to continue</title>"
HOPELESS: dict[str, tuple[Any, str]] = {
    "prose": ((200, answer("The quick brown fox.")), "no verdict"),
    "ties": ((200, answer("Both are equally good.")), "tie"),
    "nothing": ((200, answer("")), ""),
    "a refusal": ((200, answer(None, finish_reason="content_filter")), "content filter"),
    "too long": ((400, error("the request exceeds the available context size")), "context size"),
    "no choices": ((200, {"choices": []}), "choices"),
    "broken off": ((200, answer("", finish_reason="error")), "finish reason 'error'"),
    "a login page": ((200, PAGE), "Sign in to continue"),
    "no credit": ((400, error("Budget has been exceeded! Max budget: 10.0")), "no credit"),
    "the place": ((400, error("User location is not supported for the API use.")), "access from here"),
    "a limit inside": ((200, {"error_code": 17, "error_msg": "Open api daily request limit reached"}), "limit of the"),
    "a function's error": ((200, {"statusCode": 401, "body": '{"message": "Unauthorized"}'}), "a key"),
}


@pytest.mark.parametrize("quirk", some(HOPELESS, {"prose", "no choices", "a login page"}))
def test_a_host_without_usable_answers_fails_every_command(run: Run, people: Path, tmp_path: Path, quirk: str) -> None:
    """No table with empty cells and exit 0."""
    reply, words = HOPELESS[quirk]
    with in_a_thread(lambda *_: reply) as odd:
        done = commands(run, people, odd, tmp_path)
    for name, one in done.items():
        assert one.code == 1, (name, one)
        assert words in sentence(one) or name == "fit", (name, one.err)


def in_lines(found: dict[str, Any]) -> bytes:
    """The answer in two chunks on lines, without being asked for a stream."""
    text = found["choices"][0]["message"]["content"]
    halves = [{"choices": [{"delta": {"content": one}, "finish_reason": None}]} for one in (text[:1], text[1:])]
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    return b"\n".join(map(orjson.dumps, [*halves, end]))


def one_message(found: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"message": found["choices"][0]["message"]["content"], "finish_reason": "stop"}]}


READABLE: dict[str, Any] = {
    "a JSON text": lambda found: orjson.dumps(orjson.dumps(found).decode()),
    "a proxy function": lambda found: {"statusCode": 200, "body": orjson.dumps(found).decode()},
    "lines of chunks": in_lines,
    "a broken chunk at the end": lambda found: b"data: " + in_lines(found).replace(b"\n", b"\ndata: ") + b'\ndata: {"c',
    "a message that is a text": one_message,
    "a text and nothing else": lambda found: {"text": found["choices"][0]["message"]["content"]},
}


@pytest.mark.parametrize("quirk", some(READABLE, {"lines of chunks"}))
def test_answers_in_other_shapes_serve_every_command(run: Run, people: Path, tmp_path: Path, quirk: str) -> None:
    sound = Sound()
    with in_a_thread(lambda body, _: (200, READABLE[quirk](sound(body)))) as odd:
        done = commands(run, people, odd, tmp_path)
    assert {name: one.code for name, one in done.items()} == dict.fromkeys(done, 0), done
    assert Counter(map(orjson.dumps, odd.bodies)).most_common(1)[0][1] == 1


REFUSED: dict[str, tuple[Any, Any]] = {
    "500 without a reason, logprobs": (lambda body: "logprobs" in body, (500, b"Internal Server Error")),
    "500 without a reason, schema": (lambda body: "response_format" in body, (500, b"Internal Server Error")),
    "500 about the grammar": (
        lambda body: "json_schema" in str(body.get("response_format")),
        (500, error("Failed to compile grammar: unsupported keyword maxLength")),
    ),
    "TGI's limit": (
        lambda body: "logprobs" in body,
        (422, {"error": "`top_n_tokens` must be >= 0 and <= 5. Given: 20"}),
    ),
    "400 without a reason, stop": (lambda body: "stop" in body, (400, {"detail": "Bad Request"})),
    "400 without a reason, temperature": (lambda body: "temperature" in body, (400, {"detail": "Bad Request"})),
    "few tokens": (
        lambda body: body["max_tokens"] < 16,
        (400, error("Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got 4.")),
    ),
}


@pytest.mark.parametrize("quirk", some(REFUSED, {"500 without a reason, logprobs", "few tokens"}))
def test_what_a_host_refuses_is_left_out_by_every_command(run: Run, people: Path, tmp_path: Path, quirk: str) -> None:
    refuses, reply = REFUSED[quirk]
    sound = Sound()
    with in_a_thread(lambda body, _: reply if refuses(body) else (200, sound(body))) as odd:
        done = commands(run, people, odd, tmp_path)
    assert {name: one.code for name, one in done.items()} == dict.fromkeys(done, 0), done
    paid = Counter(orjson.dumps(one) for one in odd.bodies if not refuses(one))
    assert paid.most_common(1)[0][1] == 1
