"""Requests that no client library would send, and names made to mislead: each is refused with a problem."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

import pytest
from service_process import PAIR, Api, Server, choice, quoted

from personalrm.service.connections import HEAD_BYTES
from personalrm.service.fields import is_name
from personalrm.service.http import parse_json

START = b"POST /v1/people/ada/choices HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def raw(port: int, sent: bytes) -> tuple[int, dict[str, str], Any]:
    """The answer to these bytes: status, headers, and the JSON body."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
    assert len(body) == int(headers["content-length"])
    return int(first.split()[1]), headers, json.loads(body)


@pytest.mark.parametrize(
    ("sent", "status", "name"),
    [
        (START + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "invalid-http"),
        (START + b"Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}", 400, "invalid-http"),
        (START + b"Content-Length: -5\r\n\r\n{}", 400, "invalid-http"),
        (START + b"X-A: b\r\n c: d\r\nContent-Length: 2\r\n\r\n{}", 400, "invalid-http"),
        (b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", 400, "invalid-http"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "invalid-http"),
        (START + b"Content-Length: 12345678901234567890\r\n\r\n", 413, "body-too-large"),
        (
            START + b"Transfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
            415,
            "unsupported-encoding",
        ),
        (b"GET /v1/people/%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 400, "invalid-path"),
    ],
)
def test_what_is_no_proper_request_is_answered_with_a_problem(
    server: Server, sent: bytes, status: int, name: str
) -> None:
    found, headers, body = raw(server.port, sent)
    assert (found, body["type"].rpartition(":")[2]) == (status, name)
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert body["way_out"]


def test_a_head_that_does_not_end_is_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        received = b""
        connection.settimeout(0.02)
        for _ in range(40 * HEAD_BYTES // 8192):
            try:
                connection.sendall(b"X-A: " + b"a" * 8185 + b"\r\n")
                received += connection.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
            if received:
                break
    assert received.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("name", [".", "..", "a\u202eb", "a\u200bb", "\ufeffa", "a\ufffd", " a", "a/b", "a\0", ""])
def test_a_misleading_name_is_none(name: str) -> None:
    assert not is_name(name)


def test_one_rule_for_names_in_paths_and_in_bodies(api: Api) -> None:
    for name in (".", "..", "a\u202eb", "\u200b"):
        found = api.add(name, choice(1))
        assert (found.status, found.body["field"]) == (422, "user"), name
        found = api.post("/v1/score", {"users": [name], "prompt": "p", "responses": ["r"]})
        assert (found.status, found.body["field"]) == (422, "users.0"), name
    for name in ("\U0001f469\u200d\U0001f52c", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "a\\..\\b", "%2e"):
        assert api.add(name, choice(1)).status == 200
        assert api.get(f"/v1/people/{quoted(name)}").body["user"] == name
        assert api.delete(f"/v1/people/{quoted(name)}").body["erased"]


@pytest.mark.parametrize("name", ["everybody", "population", "wish=", "=1+1", "a=b&c;d", "null", "0", "__class__"])
def test_a_name_that_is_a_word_elsewhere_is_a_name(api: Api, other: Api, name: str) -> None:
    assert api.add(name, *[choice(n) for n in range(10)]).status == 200
    api.fresh(name)
    path = f"/v1/people/{quoted(name)}"
    assert api.post(f"{path}/compare", PAIR).status == 200
    row = {"users": [name], "prompt": "p", "responses": ["r", "s"]}
    assert len(api.post("/v1/score", row).body["scores"][0]) == 2
    assert len(api.get(f"{path}/export").body["choices"]) == 10
    assert other.get(path).status == 404
    assert api.delete(path).body["erased"]
    assert api.get(path).status == 404


def test_a_key_that_an_object_has_twice_is_refused(api: Api, user: str) -> None:
    twice = b'{"prompt": "p", "chosen": "a", "rejected": "b", "chosen" : "c"}'
    found = api.post(f"/v1/people/{user}/choices", b'{"choices": [' + twice + b"]}")
    assert (found.status, "'chosen'" in found.body["detail"]) == (400, True)
    pair = b'{"prompt": "p", "a": "x", "b": "y", "a": "z"}'
    assert api.post(f"/v1/people/{user}/compare", pair).status == 400
    lines = twice + b"\n" + json.dumps(choice(1)).encode()
    found = api.post(f"/v1/people/{user}/choices/stream", lines, {"Content-Type": "application/x-ndjson"})
    assert (found.body["accepted"], found.body["rejected"][0]["index"]) == (1, 0)


@pytest.mark.parametrize("text", ['{"a": "he said \\"x\\": y", "b": {"a": 1}}', '{"a\\\\": [{"b": "\\":"}, {"b": 2}]}'])
def test_quotation_marks_before_colons_are_no_keys(text: str) -> None:
    assert parse_json(text.encode()) == json.loads(text)
    again = text.encode()[:-1] + b', "z": 1, "\\u007a": "\\":"}'
    with pytest.raises(json.JSONDecodeError, match="'z' twice"):
        parse_json(again)


def test_a_deep_text_with_a_quoted_colon_is_read_or_refused() -> None:
    deep = b'[{"\\"":' * 450 + b"1" + b"}]" * 450
    with contextlib.suppress(json.JSONDecodeError):  # the limit of the second reader is lower
        assert parse_json(deep) == json.loads(deep)


def test_no_query_and_no_form_holds_a_nul(server: Server, api: Api, user: str) -> None:
    api.add(user, *(choice(number) for number in range(4)))
    for path in (
        "/v1/people?after=a%00",
        f"/v1/people/{user}/judge-prompt?prompt=%00&a=x&b=y",
        f"/v1/people/{user}/next-question?prompt=p&response=%00&response=b",
    ):
        found = api.get(path)
        assert (found.status, "U+0000" in found.body["detail"]) == (422, True), path
    page = {
        "Cookie": f"personalrm={api.key}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": f"http://127.0.0.1:{server.port}",
    }
    for path, form in (
        (f"/people/{user}/claims", b"claim=a%00&verdict=wrong"),
        (f"/people/{user}/claims", b"claim=a&verdict=wrong&note=%00"),
        (f"/people/{user}/why", b"source=api&choice=c1&why=a%00b"),
        (f"/people/{user}/try", b"prompt=%00&a=x&b=y&c=z"),
        ("/studies", b"name=%00&choices=5&statements=2&effect=0.5"),
    ):
        assert api.ask("POST", path, form, page).status == 422, path
    assert api.ask("GET", "/space?after=%00", None, page).status == 422
    assert server.events("failed") == []


def test_a_choice_whose_id_is_a_path_is_forgotten_and_explained(api: Api, user: str) -> None:
    api.add(user, *(choice(number, source="app") for number in range(4)))
    name = "talk/3/reason"
    api.add(user, choice(9, source="app") | {"id": name})
    path = f"/v1/people/{user}/choices/app/{quoted(name)}"
    assert api.ask("PUT", f"{path}/forgotten", {"forgotten": True}).body == {"forgotten": True, "changed": True}
    assert api.ask("PUT", f"{path}/reason", {"reason": "short"}).body == {"reason": "short", "changed": True}
    found = [one for one in api.get(f"/v1/people/{user}/choices").body["choices"] if one["id"] == name]
    assert (found[0]["forgotten"], found[0]["reason"]) == (True, "short")


def test_a_comparison_is_still_answered_after_all_this(api: Api, user: str) -> None:
    api.add(user, *(choice(number) for number in range(6)))
    api.fresh(user)
    assert api.post(f"/v1/people/{user}/compare", PAIR).body["preferred"] == "a"
