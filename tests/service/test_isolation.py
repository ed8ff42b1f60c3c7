"""Every route that the contract names, asked with the key of another space: nothing is found, nothing is changed."""

from __future__ import annotations

import json
from typing import Any

from service_process import PAIR, Api, choice, quoted

MARK = "orchid-marzipan-7"
"""Stands in every text of the person; no answer to the other space may hold it."""
OWN = frozenset({"/choices", "/choices/stream", "/rankings", "/ratings", "/thumbs"})
BODIES: dict[str, Any] = {
    "/choices": {"choices": [choice(900)]},
    "/choices/stream": json.dumps(choice(901)).encode(),
    "/rankings": {"rankings": [{"prompt": "x", "responses": ["a", "b"]}]},
    "/ratings": {"ratings": [{"prompt": "x", "response": "a", "score": 1.0}]},
    "/thumbs": {"thumbs": [{"prompt": "x", "response": "a", "up": True}]},
    "/compare": PAIR,
    "/rank": {"prompt": "x", "responses": ["a", "b"]},
    "/v1/people/{user}/score": {"prompt": "x", "responses": ["a", "b"]},
    "/score": {"text_1": "x", "text_2": "a"},
    "/taste-changes": {"answer": "keep"},
    "/corrections": {"claim": "x", "verdict": "wrong"},
    "/forgotten": {"forgotten": True},
    "/reason": {"reason": "x"},
    "/page-link": {"days": 1},
    "/next-question": {"candidates": [{"prompt": "x", "a": "a", "b": "b"}]},
    "/get_reward": {"query": ["x"]},
    "/classify": {"input": ["x"]},
}


def filled(path: str, user: str, key: str) -> str:
    named = {
        "user": user,
        "version": "1",
        "number": "1",
        "source": "api",
        "choice_id": "c1",
        "key": key,
        "erasure": "1",
    }
    for name, value in named.items():
        path = path.replace(f"{{{name}}}", quoted(value))
    assert "{" not in path, "a new parameter needs a value here"
    return path


def stores_own(method: str, path: str) -> bool:
    """Whether the request stores for a person of the asking space, who happens to have the same name."""
    ending = path.removeprefix("/v1/people/{user}")
    return (method == "POST" and ending in OWN) or (method == "PUT" and ending == "")


def stands(api: Api, user: str) -> dict[str, Any]:
    """What an export holds of the person, without what learning adds by itself."""
    found = api.get(f"/v1/people/{user}/export").body
    return {name: found[name] for name in ("choices", "thumbs", "rankings", "ratings", "corrections", "completions")}


def test_no_route_shows_or_changes_another_spaces_person(api: Api, other: Api, user: str) -> None:
    api.add(user, *[choice(n, prompt=f"{MARK} {n}?", reason=MARK) for n in range(12)])
    api.fresh(user)
    before = stands(api, user)
    assert MARK in json.dumps(before)
    paths = api.get("/openapi.json").body["paths"]
    asked = [(method.upper(), path) for path, methods in paths.items() for method in methods if "{user}" in path]
    assert len(asked) > 25
    for method, path in sorted(asked, key=lambda one: stores_own(*one)):
        body = next((value for end, value in BODIES.items() if path.endswith(end)), {})
        answer = other.ask(method, filled(path, user, other.key or ""), None if method in ("GET", "DELETE") else body)
        assert answer.status == (200 if stores_own(method, path) else 404), (method, path, answer.body)
        assert MARK not in json.dumps(answer.body), (method, path)
    assert stands(api, user) == before
    for path in ("/v1/people", "/v1/jobs", "/v1/audit", "/v1/evaluation", "/v1/spend"):
        assert MARK not in json.dumps(other.get(path).body)
    scores = {"users": [f"{user}-none", user], "prompt": "x", "responses": ["a"]}
    assert other.post("/v1/score", scores).status == 404
