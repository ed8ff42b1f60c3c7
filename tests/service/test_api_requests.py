"""What a request to the API may hold, and how one that may not be answered is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service_process import PAIR, Api, Server, choice, learned


def test_lines_of_json_are_stored_and_bad_ones_named(api: Api, user: str) -> None:
    import json

    lines = [json.dumps(choice(n)) for n in range(5)]
    lines[2] = '{"id": "broken", '
    sent = "\n".join(lines).encode()
    path = f"/v1/people/{user}/choices/stream"
    found = api.post(path, sent, {"Content-Type": "application/x-ndjson"}).body
    assert (found["accepted"], found["known"]) == (4, 0)
    assert [one["index"] for one in found["rejected"]] == [2]
    assert api.post(path, sent, {"Content-Type": "application/x-ndjson"}).body["known"] == 4


def test_a_stream_of_which_nothing_can_be_stored_is_refused_line_by_line(api: Api, user: str) -> None:
    path = f"/v1/people/{user}/choices/stream"
    refused = api.post(path, b'{"id": "broken", \n\n7\n', {"Content-Type": "application/x-ndjson"})
    assert (refused.status, refused.body["type"]) == (422, "urn:personalrm:problem:invalid-request")
    assert [one["index"] for one in refused.body["rejected"]] == [0, 2]  # lines, the empty one counted
    assert "JSON" in refused.body["rejected"][0]["problem"]


def test_every_part_of_a_long_stream_is_stored_under_one_idempotency_key(api: Api, user: str) -> None:
    path, headers = f"/v1/people/{user}/choices/stream", {"Idempotency-Key": f"s-{user}"}
    sent = b"\n".join(b'{"id": "%d", "prompt": "p", "chosen": "a%d", "rejected": "b"}' % (n, n) for n in range(1001))
    for _ in range(2):
        assert api.post(path, sent, headers).body == {"accepted": 1001, "known": 0, "rejected": []}
    assert api.get(f"/v1/people/{user}").body["choices"] == 1001
    assert api.post(path, sent + b"\n", headers).status == 409


def test_a_body_of_very_many_unknown_fields_is_refused_without_listing_them(api: Api, user: str) -> None:
    many = {f"k{n}": 1 for n in range(1000)}
    whole = api.post(f"/v1/people/{user}/compare", {**PAIR, **many})
    item = api.add(user, {**choice(1), **many})
    for answer in (whole, item):
        assert (answer.status, len(answer.body["errors"])) == (422, 1)
        assert "1004" in answer.body["detail"] or "fields" in answer.body["detail"]


def test_every_problem_carries_the_requests_id(api: Api, user: str) -> None:
    for answer in (api.get(f"/v1/people/{user}"), api.get("/v1/nothing"), api.add(user), api.ask("PUT", "/v1/people")):
        assert answer.status >= 400
        assert answer.body["request_id"] == answer.headers["x-request-id"]


def test_a_body_that_is_too_large_is_refused_with_an_answer_that_arrives(api: Api, user: str) -> None:
    answer = api.post(f"/v1/people/{user}/choices", b" " * (9 << 20))  # sent whole before anything is read
    assert (answer.status, answer.body["type"].rpartition(":")[2]) == (413, "body-too-large")
    assert answer.body["way_out"]


def test_an_item_that_is_no_object_is_said_to_be_none(api: Api, user: str) -> None:
    answer = api.post(f"/v1/people/{user}/choices", {"choices": ["text"]})
    assert (answer.status, answer.body["rejected"][0]["problem"]) == (422, "expected an object")


def test_a_number_under_which_there_is_nothing_is_not_found(api: Api, user: str) -> None:
    learned(api, user, 3)
    base = f"/v1/people/{user}"
    for method, path, field in (
        ("GET", f"{base}/versions/999", "version"),
        ("POST", f"{base}/versions/999/use", "version"),
        ("DELETE", f"{base}/corrections/77", "number"),
        ("PUT", f"{base}/choices/api/none/forgotten", "choice_id"),
        ("PUT", f"{base}/choices/elsewhere/c1/forgotten", "choice_id"),
    ):
        answer = api.ask(method, path, {"forgotten": True} if method == "PUT" else None)
        assert (answer.status, answer.body["field"], bool(answer.body["way_out"])) == (404, field, True), path
    assert api.get("/v1/people/nobody/versions/1").body["type"].endswith("unknown-person")


def test_where_a_field_stands_is_said_from_the_top_of_the_request(api: Api, user: str) -> None:
    base = f"/v1/people/{user}"
    good = {"prompt": "p", "chosen": "a", "rejected": "b"}
    for path, body, field in (
        ("choices", {"choices": [{**good, "chosen": None}]}, "choices.0.chosen"),
        ("choices", {"choices": [{**good, "id": 1.5}]}, "choices.0.id"),
        ("choices", {"choices": [{**good, "id": True}]}, "choices.0.id"),
        ("choices", {"choices": [{**good, "time": []}]}, "choices.0.time"),
        ("choices", {"choices": [{**good, "time": True}]}, "choices.0.time"),
        ("choices", {"choices": [{**good, "time": "2999-01-01"}]}, "choices.0.time"),
        (
            "choices",
            {"choices": [{**good, "context": [{"role": "user"}], "prompt": None}]},
            "choices.0.context.0.content",
        ),
        ("choices", {"choices": ["text", {}]}, "choices.0"),
        ("choices", {"choices": [{}]}, "choices.0.chosen"),
        ("rankings", {"rankings": [{"prompt": "p", "responses": ["a"]}]}, "rankings.0.responses"),
        ("ratings", {"ratings": [{"prompt": "p", "response": "a", "score": "x"}]}, "ratings.0.score"),
        ("thumbs", {"thumbs": [{"prompt": "p", "response": "a"}]}, "thumbs.0.up"),
        ("next-question", {"candidates": [{"id": [], "prompt": "p", "a": "x", "b": "y"}]}, "candidates.0.id"),
        ("choices", {}, "choices"),
    ):
        answer = api.post(f"{base}/{path}", body)
        assert (answer.status, answer.body["field"]) == (422, field), answer.body
        assert answer.body["errors"][0]["field"] == field
        assert answer.headers["content-type"] == "application/problem+json"
    twice = {"choices": [{**good, "id": 7}, {**good, "id": 7, "chosen": "c"}, {**good, "id": "7"}]}
    found = api.post(f"{base}/choices", twice).body
    assert (found["accepted"], found["known"]) == (1, 1)
    assert [(one["index"], one["field"]) for one in found["rejected"]] == [(1, "id")]


def test_no_odd_body_is_a_fault_of_any_route(api: Api, server: Server, user: str) -> None:
    api.add(user, *[choice(n) for n in range(3)])
    document = api.get("/openapi.json").body
    routes = [
        (path, method.upper()) for path, found in document["paths"].items() for method in found if method != "get"
    ]
    odd = (
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"x"',
        b'{"choices": NaN}',
        b"[" * 50_000,
        b'{"a":' * 3000,
        b"\xff\xfe",
        b'{"\\ud800": 1}',
    )
    values = {"user": user, "source": "api", "choice_id": "none", "version": "9", "number": "9", "token": "x"}
    for path, method in routes:
        if method == "DELETE":
            continue
        filled = path.format_map(values | {"key": api.key or ""})
        for body in odd:
            answer = api.ask(method, filled, body)
            assert answer.status < 500 or answer.status == 501, (method, path, body[:20], answer.body)
            if answer.status >= 400:
                assert answer.headers["content-type"] == "application/problem+json", (path, answer.body)
                assert answer.body["way_out"]
    assert server.events("failed") == []


def test_a_clients_clock_may_be_a_little_ahead(api: Api, user: str) -> None:
    def at(minutes: float, number: int) -> dict[str, object]:
        return choice(number, time=(datetime.now(UTC) + timedelta(minutes=minutes)).isoformat())

    refused = api.add(user, at(7, 0))
    assert (refused.status, refused.body["field"]) == (422, "choices.0.time")
    assert "minutes ahead" in refused.body["detail"]
    assert api.add(user, at(3, 1), at(-60 * 24 * 400, 2), choice(3, time=1_700_000_000)).body["accepted"] == 3
    found = {
        one["id"]: datetime.fromisoformat(one["time"]) for one in api.get(f"/v1/people/{user}/choices").body["choices"]
    }
    assert found["c1"] <= datetime.now(UTC)  # counted as now
    assert found["c2"] < found["c1"]
    assert found["c3"] == datetime.fromtimestamp(1_700_000_000, UTC)


def test_an_old_or_a_newer_client_is_told_what_this_server_speaks(api: Api, user: str) -> None:
    for path in ("/v0/people", "/v2/people", f"/v1/users/{user}/compare"):
        answer = api.post(path, {})
        assert (answer.status, answer.body["type"]) == (404, "urn:personalrm:problem:no-such-path")
        assert "/v1" in answer.body["way_out"]
    newer = api.add(user, choice(1, importance=3))
    assert (newer.status, newer.body["field"]) == (422, "choices.0.importance")
    assert api.ask("PATCH", f"/v1/people/{user}").status == 405
