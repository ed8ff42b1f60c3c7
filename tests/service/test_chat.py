"""Chat completions for a person, and feedback on them; the upstream is a host in a thread of this process."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from service_process import Answer, Api, Server, choice, command_here
from upstream_host import LONG, SHORT, UpstreamHost

PATH = "/v1/chat/completions"
ASK = [{"role": "user", "content": "How do I do a thing?"}]


@pytest.fixture(scope="session")
def upstream() -> Iterator[UpstreamHost]:
    started = UpstreamHost()
    yield started
    started.close()


@pytest.fixture(scope="session")
def chatting(tmp_path_factory: pytest.TempPathFactory, upstream: UpstreamHost) -> Iterator[tuple[Server, str, str]]:
    """A service with that upstream, a key of space a, and one of space b."""
    folder = tmp_path_factory.mktemp("chat")
    keys = [command_here(folder, "key", space) for space in ("a", "b")]
    server = Server.start(folder, "--upstream", upstream.url, upstream_key="sk-upstream-secret", debounce="0.2")
    yield server, keys[0], keys[1]
    assert server.stop() == 0


@pytest.fixture
def chat(chatting: tuple[Server, str, str], upstream: UpstreamHost) -> Api:
    upstream.bodies.clear()
    upstream.headers.clear()
    return chatting[0].api(chatting[1])


@pytest.fixture
def known(chat: Api, user: str) -> str:
    """Somebody who likes short answers."""
    chat.add(user, *[choice(n) for n in range(12)])
    chat.fresh(user)
    return user


def ask(api: Api, user: str | None = None, model: str = "m", **more: Any) -> Answer:
    return api.post(PATH, {"model": model, "messages": ASK, **({"user": user} if user else {}), **more})


def streamed(api: Api, user: str, **more: Any) -> list[Any]:
    """The events of a stream; the last one is ``[DONE]``."""
    text = ask(api, user, stream=True, **more).body
    return [one if one == "[DONE]" else json.loads(one) for one in text.replace("data: ", "").split("\n\n") if one]


def test_the_persons_prompt_is_added_and_their_name_is_not_sent(chat: Api, known: str, upstream: UpstreamHost) -> None:
    prompt = chat.get(f"/v1/people/{known}/generation-prompt").body["prompt"]
    answer = ask(chat, known, temperature=0.3)
    assert answer.status == 200
    assert answer.body["choices"][0]["message"]["content"] == LONG
    assert answer.body["id"].startswith("chatcmpl-")
    assert answer.body["personalrm"]["profile_version"] >= 1
    (sent,) = upstream.bodies
    assert sent["messages"] == [{"role": "system", "content": prompt}, *ASK]
    assert sent["temperature"] == 0.3
    assert known not in json.dumps(sent)
    assert upstream.headers[0]["Authorization"] == "Bearer sk-upstream-secret"
    own = [{"role": "system", "content": "You sell bicycles."}, *ASK]
    chat.post(PATH, {"model": "m", "messages": own}, {"X-Personalrm-User": known})
    assert upstream.bodies[1]["messages"][0]["content"] == f"You sell bicycles.\n\n{prompt}"
    assert len(upstream.bodies[1]["messages"]) == 2


def test_of_whom_nothing_is_known_the_request_goes_on_as_it_is(chat: Api, user: str, upstream: UpstreamHost) -> None:
    for name in (user, None):
        answer = ask(chat, name)
        assert answer.status == 200
        assert answer.body["personalrm"]["profile_version"] is None
    assert [one["messages"] for one in upstream.bodies] == [ASK, ASK]


@pytest.mark.parametrize("model", ["m", "single"])
def test_the_best_of_several_samples_is_returned_with_its_margin(
    chat: Api, known: str, upstream: UpstreamHost, model: str
) -> None:
    answer = ask(chat, known, model, n_best=2).body
    assert [one["message"]["content"] for one in answer["choices"]] == [SHORT]
    assert answer["choices"][0]["index"] == 0
    told = answer["personalrm"]
    assert told["n_best"] == 2
    assert told["told_apart"] is True
    assert told["margin"] > 0
    assert len(upstream.bodies) == (2 if model == "single" else 1)
    assert "n_best" not in upstream.bodies[0]


def test_what_a_person_cannot_tell_apart_is_not_chosen_from(chat: Api, user: str, upstream: UpstreamHost) -> None:
    chat.add(user, choice(1), choice(2, short=False))
    chat.fresh(user)
    answer = ask(chat, user, n_best=2).body
    likes = chat.post(f"/v1/people/{user}/compare", {"context": ASK, "a": SHORT, "b": LONG}).body["probability"]
    assert answer["personalrm"]["told_apart"] is (likes < 0.5 or likes >= 0.55)
    expected = SHORT if likes >= 0.55 else LONG
    assert answer["choices"][0]["message"]["content"] == expected


def test_a_stream_begins_before_the_upstream_has_ended(chat: Api, known: str, upstream: UpstreamHost) -> None:
    upstream.gate.clear()
    connection = http.client.HTTPConnection("127.0.0.1", chat.port, timeout=60)
    try:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {chat.key}"}
        connection.request(
            "POST", PATH, json.dumps({"model": "m", "messages": ASK, "user": known, "stream": True}), headers
        )
        answer = connection.getresponse()
        assert answer.getheader("Content-Type", "").startswith("text/event-stream")
        first = json.loads(answer.readline().removeprefix(b"data: "))
        assert first["choices"][0]["delta"]["content"] == SHORT.split(" ")[0]
        upstream.gate.set()
        rest = answer.read()
    finally:
        upstream.gate.set()
        connection.close()
    assert rest.endswith(b"data: [DONE]\n\n")
    assert upstream.bodies[0]["messages"][0]["role"] == "system"
    # all of it is kept under the id of its events
    edited = {"id": first["id"], "edited": "Do it."}
    assert chat.post("/v1/feedback", edited).body == {"user": known, "accepted": 1, "known": 0, "choices": 1}
    assert chat.get(f"/v1/people/{known}/choices?after=12&limit=1000").body["choices"][-1]["rejected"] == SHORT


def test_the_best_of_several_is_streamed_as_well(chat: Api, known: str) -> None:
    events = streamed(chat, known, n_best=2)
    assert events[-1] == "[DONE]"
    assert events[0]["choices"][0]["delta"]["content"] == SHORT
    assert events[1]["choices"][0]["finish_reason"] == "stop"
    assert events[1]["personalrm"]["told_apart"] is True
    assert len({one["id"] for one in events[:-1]}) == 1


def test_feedback_on_an_answer_becomes_a_choice(chat: Api, known: str) -> None:
    one, other = (ask(chat, known, model).body for model in ("m", "single"))
    texts = [found["choices"][0]["message"]["content"] for found in (one, other)]
    assert texts[0] != texts[1]

    def say(**told: Any) -> dict[str, Any]:
        answer = chat.post("/v1/feedback", told)
        assert answer.status == 200, answer.body
        body: dict[str, Any] = answer.body
        return body

    assert say(id=one["id"], rating="down")["choices"] == 0
    assert say(id=other["id"], rating="up", reason="It is short.")["choices"] == 1
    assert say(id=other["id"], rating="up")["known"] == 1
    assert say(id=other["id"], preferred_over=one["id"])["user"] == known
    assert say(id=one["id"], edited="Better.")["choices"] == 1
    assert say(id=one["id"], edited="Better still.")["choices"] == 1
    assert say(id=one["id"], edited="Better.")["known"] == 1
    stored = chat.get(f"/v1/people/{known}/choices?limit=1000").body["choices"][12:]
    assert {(found["chosen"], found["rejected"]) for found in stored} == {
        (texts[1], texts[0]),
        ("Better.", texts[0]),
        ("Better still.", texts[0]),
    }
    assert {found["source"] for found in stored} == {"chat"}
    assert all(found["context"] == ASK for found in stored)


def test_feedback_that_cannot_be_is_refused(chat: Api, known: str, chatting: tuple[Server, str, str]) -> None:
    answer = ask(chat, known).body
    text = answer["choices"][0]["message"]["content"]
    elsewhere = chatting[0].api(chatting[2])
    assert elsewhere.post("/v1/feedback", {"id": answer["id"], "rating": "up"}).status == 404
    for told in ({"id": "chatcmpl-none", "rating": "up"}, {"id": answer["id"], "preferred_over": "chatcmpl-none"}):
        refused = chat.post("/v1/feedback", told)
        assert (refused.status, refused.body["type"]) == (404, "urn:personalrm:problem:unknown-answer")
        assert refused.body["field"] == list(told)[-1 if "preferred_over" in told else 0]
    other = ask(chat, f"{known}-other").body
    for told in (
        {"id": answer["id"]},
        {"id": answer["id"], "rating": "up", "edited": "x"},
        {"id": answer["id"], "rating": "up", "choice": 3},
        {"id": answer["id"], "edited": text},
        {"id": answer["id"], "edited": ""},
        {"id": answer["id"], "preferred_over": other["id"]},
        {"id": answer["id"], "preferred_over": answer["id"]},
    ):
        assert chat.post("/v1/feedback", told).status == 422, told


def test_an_erased_person_leaves_no_answer_and_is_answered_without_one(chat: Api, known: str) -> None:
    answer = ask(chat, known).body
    assert chat.delete(f"/v1/people/{known}").body["counts"]["completions"] == 1
    assert chat.post("/v1/feedback", {"id": answer["id"], "rating": "up"}).status == 404
    again = ask(chat, known)
    assert again.status == 200
    assert again.body["personalrm"]["profile_version"] is None
    assert chat.get(f"/v1/people/{known}").status == 404


@pytest.mark.parametrize(
    ("model", "status"), [("refuses", 400), ("busy", 429), ("key", 502), ("html", 502), ("failing", 502)]
)
def test_what_the_upstream_refuses_is_a_problem_without_its_key(chat: Api, known: str, model: str, status: int) -> None:
    for stream in (False, True):
        if model == "html" and stream:
            continue  # a stream without events: nothing is refused
        answer = ask(chat, known, model, stream=stream) if model != "html" else ask(chat, known, model)
        assert answer.status == status
        assert "sk-upstream-secret" not in json.dumps(answer.body)
        assert answer.body["error"]["message"] == answer.body["detail"]
        if model == "busy":
            assert answer.headers["retry-after"] == "7"


def test_an_upstream_that_echoes_the_service_s_key_gives_it_to_nobody(chat: Api, known: str) -> None:
    """In answers and in streams that split it over chunks; not in what is kept for feedback either."""
    for more in ({}, {"n_best": 2}):
        answer = ask(chat, known, "echoes", **more)
        assert answer.body["choices"][0]["message"]["content"] == "You sent Bearer [key]."
    events = [one for one in streamed(chat, known, model="echoes") if one != "[DONE]"]
    for name in ("content", "reasoning_content"):
        text = "".join(one["choices"][0]["delta"].get(name) or "" for one in events)
        assert text.startswith("You sent Bearer ")
        assert text.count("[key]") == 2
        assert "upstream-secret" not in text.lower()
        assert not any(one in text.lower() for one in ("eam-s", "secret", "strea"))


@pytest.mark.parametrize("model", ["html", "moved", "nothing", "numbers", "silent"])
def test_an_answer_that_is_none_is_a_problem_and_not_an_empty_stream(
    chat: Api, user: str, upstream: UpstreamHost, model: str
) -> None:
    for stream in (False, True):
        answer = ask(chat, user, model, stream=stream)
        assert (answer.status, answer.body["error"]["type"].startswith("upstream-")) == (502, True), stream
        assert answer.body["way_out"]
    assert len(upstream.bodies) == 2  # a redirect is not followed


def test_a_stream_that_breaks_off_says_so(chat: Api, known: str) -> None:
    events = streamed(chat, known, model="breaks")
    assert "error" in events[-1]


def test_without_an_upstream_the_way_out_is_told(api: Api, user: str) -> None:
    answer = ask(api, user)
    assert answer.status == 501
    assert "--upstream" in answer.body["way_out"]


def test_openais_client_works_with_another_base_url(chat: Api, known: str) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"http://127.0.0.1:{chat.port}/v1", api_key=chat.key, max_retries=0) as client:
        found = client.chat.completions.create(model="m", messages=ASK, user=known, extra_body={"n_best": 2})
        assert found.choices[0].message.content == SHORT
        with client.chat.completions.create(model="m", messages=ASK, user=known, stream=True) as stream:
            assert "".join(one.choices[0].delta.content or "" for one in stream) == SHORT
        with pytest.raises(openai.BadRequestError, match="no such parameter"):
            client.chat.completions.create(model="refuses", messages=ASK, user=known)


def test_the_upstreams_key_is_in_no_line_of_the_log(chatting: tuple[Server, str, str], tmp_path: Path) -> None:
    assert "sk-upstream-secret" not in "\n".join(chatting[0].lines)


def test_a_space_chats_within_its_budget(chatting: tuple[Server, str, str], tmp_path: Path) -> None:
    server, other, _ = chatting
    database = server.environment["PERSONALRM_DATABASE"]
    key = command_here(tmp_path, "key", "tight", database=database)
    assert "chats\t0\tof 3" in command_here(tmp_path, "budget", "tight", "--max-chats", "3", database=database)
    tight = server.api(key)
    assert [ask(tight).status, ask(tight, "ada", n_best=2).status] == [200, 200]
    refused = ask(tight)
    assert (refused.status, refused.body["error"]["type"]) == (402, "budget-spent")
    assert ask(tight, "ada", stream=True).status == 402
    assert ask(server.api(other)).status == 200
    deadline = time.monotonic() + 60
    while (month := tight.get("/v1/spend").body["month"])["chats"] < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert month["chats"] == 3
    assert month["chat_tokens"] > 0
    shown = command_here(tmp_path, "budget", "tight", database=database)
    assert "chats\t3\tof 3" in shown


def test_openais_clients_read_what_every_problem_says(chatting: tuple[Server, str, str], known: str) -> None:
    server, key, _ = chatting
    for answer in (ask(server.api("prm_0_wrong")), ask(server.api(key), known, n_best=99), server.api(key).get(PATH)):
        assert answer.status in (401, 405, 422)
        assert answer.body["error"]["message"] == answer.body["detail"]


def test_the_upstreams_models_are_listed(chat: Api, upstream: UpstreamHost) -> None:
    answer = chat.get("/v1/models")
    assert (answer.status, [one["id"] for one in answer.body["data"]]) == (200, ["m"])
    assert upstream.headers[-1]["Authorization"] == "Bearer sk-upstream-secret"
