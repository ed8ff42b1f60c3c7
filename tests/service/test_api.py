"""The API as a product uses it, over HTTP with a real process."""

from __future__ import annotations

import time

import pytest
from service_process import PAIR, Api, Server, choice, learned, quoted


def test_choices_in_and_a_prediction_out(api: Api, user: str) -> None:
    learned(api, user)
    found = api.post(f"/v1/people/{user}/compare", PAIR).body
    assert found["preferred"] == "a"
    assert 0.5 < found["probability"] < 1
    assert found["unscored"] is None
    assert found["reasoning"]
    assert found["profile_version"] >= 1
    swapped = api.post(f"/v1/people/{user}/compare", {**PAIR, "a": PAIR["b"], "b": PAIR["a"]}).body
    assert swapped["preferred"] == "b"
    assert swapped["probability"] == pytest.approx(1 - found["probability"])


def test_a_context_predicts_as_its_prompt_does(api: Api, user: str) -> None:
    learned(api, user)
    path = f"/v1/people/{user}/compare"
    context = {"context": [{"role": "user", "content": PAIR["prompt"]}], "a": PAIR["a"], "b": PAIR["b"]}
    assert api.post(path, context).body["probability"] == api.post(path, PAIR).body["probability"]


def test_new_choices_count_without_being_asked_for(api: Api, user: str) -> None:
    learned(api, user)
    path = f"/v1/people/{user}/compare"
    before = api.post(path, PAIR).body
    api.add(user, *[choice(100 + n, short=False) for n in range(40)])
    deadline = time.monotonic() + 60  # benchmarks/service_load.py measures how soon
    after = before
    while after["profile_version"] == before["profile_version"] and time.monotonic() < deadline:
        time.sleep(0.02)
        after = api.post(path, PAIR).body
    assert after["probability"] < before["probability"]


def test_ranking_and_scores_agree_with_comparisons(api: Api, user: str) -> None:
    learned(api, user)
    responses = ["There are many things. " * n for n in (30, 1, 10)]
    ranking = api.post(f"/v1/people/{user}/rank", {"prompt": "Hi", "responses": responses}).body
    scores = api.post(f"/v1/people/{user}/score", {"prompt": "Hi", "responses": responses}).body["scores"]
    assert ranking["order"] == sorted(range(3), key=lambda at: -scores[at])
    single = api.post(f"/v1/people/{user}/score", {"prompt": "Hi", "response": responses[1]}).body
    assert single["score"] == pytest.approx(scores[1])
    pair = {"prompt": "Hi", "a": responses[1], "b": responses[0]}
    verdict = api.post(f"/v1/people/{user}/compare", pair).body
    assert (verdict["preferred"] == "a") == (scores[1] > scores[0])


def test_many_people_and_many_responses_in_one_request(api: Api, user: str) -> None:
    likes_long = f"{user}-long"
    learned(api, user)
    api.add(likes_long, *[choice(n, short=False) for n in range(12)])
    api.fresh(likes_long)
    asked = {"prompt": "Hi", "responses": ["Short.", "Long and winding answers. " * 30]}
    both = api.post("/v1/score", {**asked, "users": [user, likes_long, user]}).body
    assert [len(row) for row in both["scores"]] == [2, 2, 2]
    assert both["scores"][0] == both["scores"][2]
    margins = [row[0] - row[1] for row in both["scores"]]
    assert margins[0] > margins[1]
    alone = api.post(f"/v1/people/{user}/score", asked).body["scores"]
    assert both["scores"][0] == pytest.approx(alone)
    normalized = api.post("/v1/score", {**asked, "users": [user], "normalize": True}).body["scores"][0]
    own = api.post(f"/v1/people/{user}/score", {**asked, "normalize": True}).body["scores"]
    assert normalized == pytest.approx(own)
    missing = api.post("/v1/score", {**asked, "users": [user, "nobody-here"]})
    assert (missing.status, missing.body["field"]) == (404, "users.1")


def test_z_scores_are_of_the_persons_own_history(api: Api, user: str) -> None:
    learned(api, user)
    texts = [text for n in range(12) for text in (choice(n)["chosen"], choice(n)["rejected"])]
    scores = [
        api.post(f"/v1/people/{user}/score", {"prompt": choice(n)["prompt"], "response": text, "normalize": True}).body
        for n in range(12)
        for text in (choice(n)["chosen"], choice(n)["rejected"])
    ]
    values = [one["score"] for one in scores]
    mean = sum(values) / len(values)
    deviation = (sum((one - mean) ** 2 for one in values) / len(values)) ** 0.5
    assert len(texts) == len(values)
    assert mean == pytest.approx(0, abs=1e-9)
    assert deviation == pytest.approx(1, abs=1e-9)


def test_what_is_believed_and_the_prompts_to_carry_away(api: Api, user: str) -> None:
    learned(api, user)
    persona = api.get(f"/v1/people/{user}/persona").body
    assert persona["choices"] == 12
    claim = persona["claims"][0]
    assert set(claim["supporting"]) <= {f"api/c{n}" for n in range(12)}
    generation = api.get(f"/v1/people/{user}/generation-prompt").body["prompt"]
    assert claim["text"].split(":")[0] in generation
    judge = api.get(f"/v1/people/{user}/judge-prompt").body["messages"]
    assert {"role", "content"} == set(judge[0])
    assert "{{response_a}}" in str(judge)
    pair = api.get(f"/v1/people/{user}/judge-prompt?prompt=Hi&a=one&b=two").body["messages"]
    assert "{{response_a}}" not in str(pair)


def test_choices_are_listed_page_by_page_as_they_came(api: Api, user: str) -> None:
    learned(api, user, 5)
    first = api.get(f"/v1/people/{user}/choices?limit=3").body
    rest = api.get(f"/v1/people/{user}/choices?limit=3&after={first['next']}").body
    assert rest["next"] is None
    rows = first["choices"] + rest["choices"]
    assert [(one["id"], one["source"], one["chosen"]) for one in rows] == [
        (f"c{n}", "api", choice(n)["chosen"]) for n in range(5)
    ]
    assert rows[0]["context"] == [{"role": "user", "content": choice(0)["prompt"]}]


def test_the_same_request_again_stores_nothing(api: Api, user: str) -> None:
    learned(api, user, 4)
    assert api.add(user, *[choice(n) for n in range(6)]).body == {"accepted": 2, "known": 4, "rejected": []}
    path, body, key = f"/v1/people/{user}/choices", {"choices": [choice(50, id=None)]}, {"Idempotency-Key": f"k-{user}"}
    assert (
        api.post(path, body, key).body
        == api.post(path, body, key).body
        == {
            "accepted": 1,
            "known": 0,
            "rejected": [],
        }
    )
    other = api.post(path, {"choices": [choice(51)]}, key)
    assert (other.status, other.body["type"]) == (409, "urn:personalrm:problem:conflict")


def test_a_link_opens_for_a_week_where_no_days_are_given(api: Api, user: str) -> None:
    api.add(user, choice(1))
    made = api.ask("POST", f"/v1/people/{user}/page-link")
    assert made.status == 201
    assert made.body["expires"] == pytest.approx(time.time() + 7 * 86400, abs=600)


def test_rankings_ratings_and_thumbs_become_choices(api: Api, user: str) -> None:
    base = f"/v1/people/{user}"
    ranked = {"rankings": [{"id": "r", "prompt": "p", "responses": ["a", "b", "c"], "ranked": 1}]}
    assert api.post(f"{base}/rankings", ranked).body["accepted"] == 1
    rated = {"ratings": [{"prompt": "q", "response": text, "score": score} for text, score in (("x", 5), ("y", 2))]}
    assert api.post(f"{base}/ratings", rated).body["accepted"] == 2
    thumbs = {"thumbs": [{"prompt": "t", "response": text, "up": up} for text, up in (("u", True), ("v", False))]}
    assert api.post(f"{base}/thumbs", thumbs).body["accepted"] == 2
    rows = api.get(f"{base}/choices").body["choices"]
    assert {(one["chosen"], one["rejected"], one["origin"]) for one in rows} == {
        ("a", "b", "ranking"),
        ("a", "c", "ranking"),
        ("x", "y", "rating"),
        ("u", "v", "thumb"),
    }


def test_the_next_question_of_given_pairs_and_of_the_pool(api: Api, user: str) -> None:
    learned(api, user, 4)
    short, long = "In 3 steps.", "There are many things to consider. " * 10
    same = {"id": "same", "prompt": "p", "a": "In 3 steps.", "b": "In 4 steps."}
    telling = {"id": "telling", "prompt": "p", "a": short, "b": long}
    path = f"/v1/people/{user}/next-question"
    found = api.post(path, {"candidates": [same, telling], "top": 2}).body["questions"]
    assert found[0]["id"] == "telling"
    assert found[0]["settles"]
    api.delete("/v1/candidates")  # other tests use the same space
    assert api.get(path).body == {"questions": []}
    assert api.post("/v1/candidates", {"candidates": [same, telling]}).body == {"candidates": 2}
    assert api.get(f"{path}?top=1").body["questions"][0]["id"] == "telling"
    of_drafts = api.get(f"{path}?prompt=p&response=In+3+steps.&response=In+4+steps.&response={quoted(long)}").body
    assert long in (of_drafts["questions"][0]["a"], of_drafts["questions"][0]["b"])
    assert api.delete("/v1/candidates").body == {"removed": 2}
    newcomer = f"{user}-new"
    api.ask("PUT", f"/v1/people/{newcomer}")
    first = api.post(f"/v1/people/{newcomer}/next-question", {"candidates": [same, telling]}).body["questions"]
    assert first[0]["id"] == "telling"


def test_yesterdays_profile_predicts_todays_choices(api: Api, user: str) -> None:
    learned(api, user)
    api.get(f"/v1/people/{user}/persona")
    for n in range(20, 28):
        api.add(user, choice(n, short=n != 25))
        api.fresh(user)  # learned before the next one comes
    found = api.get(f"/v1/people/{user}/evaluation").body
    assert (found["choices"], found["conversations"]) == (8, 8)
    assert found["accuracy"] == pytest.approx(7 / 8)
    assert found["low"] < 7 / 8 < found["high"]
    assert found["longer"] == pytest.approx(1 / 8)
    space = api.get("/v1/evaluation").body
    assert space["people"] >= 1
    assert space["choices"] >= 8


def test_every_version_is_kept_with_what_changed(api: Api, user: str) -> None:
    learned(api, user)
    first = api.get(f"/v1/people/{user}/persona").body["profile_version"]
    api.add(user, *[choice(100 + n, short=False) for n in range(30)])
    second = api.fresh(user)
    assert second > first
    versions = api.get(f"/v1/people/{user}/versions").body["versions"]
    states = {one["version"]: one["state"] for one in versions}
    assert (states[first], states[second]) == ("superseded", "active")
    one = api.get(f"/v1/people/{user}/versions/{second}").body
    assert one["changes"]["choices_added"] == 30
    assert one["changes"]["weights"]
    old = api.get(f"/v1/people/{user}/versions/{first}").body
    assert old["persona"]["choices"] == 12
    assert api.post(f"/v1/people/{user}/versions/{first}/use", {}).body == {
        "profile_version": first,
        "leaves_out_later_choices": True,
    }
    assert api.post(f"/v1/people/{user}/compare", PAIR).body["profile_version"] == first


def test_a_claim_that_is_called_wrong_is_said_no_more(api: Api, user: str) -> None:
    learned(api, user)
    before = api.get(f"/v1/people/{user}/persona").body
    claim = before["claims"][0]["text"]
    made = api.post(f"/v1/people/{user}/corrections", {"claim": claim, "verdict": "wrong"})
    assert made.status == 201
    api.fresh(user)
    after = api.get(f"/v1/people/{user}/persona").body
    said = claim.split(":")[0]
    assert said not in str(after)
    assert said not in api.get(f"/v1/people/{user}/generation-prompt").body["prompt"]
    assert api.delete(f"/v1/people/{user}/corrections/{made.body['id']}").status == 200
    api.fresh(user)
    assert said in str(api.get(f"/v1/people/{user}/persona").body)
    unknown = api.post(f"/v1/people/{user}/corrections", {"claim": "Likes tea", "verdict": "wrong"})
    assert (unknown.status, unknown.body["field"]) == (422, "claim")


def test_a_forgotten_choice_is_learned_no_more(api: Api, user: str) -> None:
    learned(api, user, 6)
    path = f"/v1/people/{user}/choices/api/c3/forgotten"
    assert api.ask("PUT", path, {"forgotten": True}).body == {"forgotten": True, "changed": True}
    api.fresh(user)
    assert api.get(f"/v1/people/{user}/persona").body["choices"] == 5
    assert [one["forgotten"] for one in api.get(f"/v1/people/{user}/choices").body["choices"]].count(True) == 1
    assert api.ask("PUT", path, {"forgotten": False}).body["changed"]
    api.fresh(user)
    assert api.get(f"/v1/people/{user}/persona").body["choices"] == 6


def test_export_holds_everything_and_erase_leaves_nothing(api: Api, user: str) -> None:
    learned(api, user)
    api.get(f"/v1/people/{user}/persona")
    api.post(f"/v1/people/{user}/thumbs", {"thumbs": [{"prompt": "t", "response": "up text", "up": True}]})
    exported = api.get(f"/v1/people/{user}/export").body
    assert len(exported["choices"]) == 12
    assert exported["choices"][0]["chosen"] == choice(0)["chosen"]
    assert exported["thumbs"][0]["response"] == "up text"
    assert exported["profiles"][0]["body"]["persona"]
    erased = api.delete(f"/v1/people/{user}")
    assert erased.body["erased"] is True
    assert erased.body["counts"]["choices"] == 12
    assert erased.body["counts"]["thumbs"] == 1
    assert erased.body["counts"]["profiles"] >= 1
    assert erased.body["models"] == []
    for path in ("", "/persona", "/choices", "/export", "/versions", "/evaluation", "/generation-prompt"):
        assert api.get(f"/v1/people/{user}{path}").status == 404, path
    assert api.post(f"/v1/people/{user}/compare", PAIR).status == 404
    again = api.add(user, choice(1))
    assert (again.status, again.body["type"]) == (410, "urn:personalrm:problem:person-erased")
    assert api.delete(f"/v1/people/{user}").body == erased.body
    assert api.get(f"/v1/erasures/{erased.body['erasure']}").body == erased.body
    assert api.ask("PUT", f"/v1/people/{user}").status == 200
    assert api.add(user, choice(1)).body["accepted"] == 1


def test_health_metrics_and_a_log_without_texts(api: Api, server: Server, user: str) -> None:
    secret = "pineapple-on-pizza"
    api.add(user, choice(1, reason=secret, prompt=secret))
    api.post(f"/v1/people/{user}/compare", {"prompt": secret, "a": secret, "b": "x"}, {"X-Request-Id": "compared-1"})
    anonymous = server.api()
    assert anonymous.get("/healthz").body["status"] == "ok"
    assert anonymous.get("/readyz").body["database"] == "sqlite"
    metrics = anonymous.get("/metrics").body
    assert 'personalrm_requests_total{method="POST",route="/v1/people/{user}/compare",status="200"}' in metrics
    assert user not in metrics
    given = api.ask("GET", "/healthz", headers={"X-Request-Id": "my-id-1"})
    assert given.headers["x-request-id"] == "my-id-1"
    line = server.await_event("request", id="compared-1")
    log = "\n".join(server.lines)
    assert secret not in log
    assert user not in log
    assert api.key is not None
    assert api.key not in log
    assert {"id", "route", "status", "ms"} <= set(line)


def test_a_comparison_is_answered_alike_on_the_short_way_and_on_the_long_one(
    api: Api, server: Server, user: str
) -> None:
    learned(api, user)
    short, long = f"/v1/people/{user}/compare", f"/v1/people/{user}/compare?"  # a query goes through the framework
    long += "x=1"
    good = b'{"prompt": "Hi", "a": "one", "b": "two"}'
    bodies = (
        b"",
        b"{",
        b"[]",
        b'{"prompt": "Hi", "a": NaN, "b": ""}',
        good[:-1] + b', "c": 1}',
        b'{"a": "x", "b": "y"}',
    )
    for body in (*bodies, b"[" * 100_000, b'{"prompt": "\\u0000", "a": "", "b": ""}', b"\xff", good):
        one, other = api.post(short, body), api.post(long, body)
        for found in (one, other):
            if found.status >= 400:
                assert found.body.pop("request_id") == found.headers["x-request-id"]
        assert (one.status, one.body) == (other.status, other.body), body
    for path in (short, long):
        plain = api.post(path, good, {"Content-Type": "text/plain"})
        assert (plain.status, "application/json" in plain.body["way_out"]) == (415, True)
        assert api.post(path, good, {"Content-Encoding": "gzip"}).status == 415
    for stranger in (server.api(), server.api("nonsense")):
        one, other = stranger.post(short, good), stranger.post(long, good)
        assert (one.status, one.body["type"]) == (other.status, other.body["type"]) == (401, other.body["type"])
    missing = [api.post(path.replace(user, "nobody"), good) for path in (short, long)]
    assert [(one.status, one.body["way_out"]) for one in missing] == 2 * [(404, missing[0].body["way_out"])]


def test_somebody_who_gave_only_thumbs_or_ratings_is_predicted(api: Api, user: str) -> None:
    texts = [choice(n)[side] for n in range(12) for side in ("chosen", "rejected")]
    asked = [{"prompt": f"Question {n}?", "response": text} for n, text in enumerate(texts)]
    thumbs = [{**one, "up": at % 2 == 0} for at, one in enumerate(asked)]
    ratings = [{**one, "score": 5 - 3 * (at % 2)} for at, one in enumerate(asked)]
    api.post(f"/v1/people/{user}/thumbs", {"thumbs": thumbs})
    api.post(f"/v1/people/{user}-rates/ratings", {"ratings": ratings})
    api.add(f"{user}-other", *[choice(n, short=False) for n in range(12)])
    found = []
    for name in (user, f"{user}-rates", f"{user}-other"):
        assert api.fresh(name) >= 1
        found.append(api.post(f"/v1/people/{name}/compare", PAIR).body["probability"])
    assert found[0] == pytest.approx(found[1])
    assert found[0] > found[2]
    assert api.get(f"/v1/people/{user}").body["choices"] == 0


def test_names_of_any_writing_work(api: Api) -> None:
    for name in ("Ada Lovelace", "дама", "a.b-c_d@x", "100%", "🙂"):
        assert api.add(name, *[choice(n) for n in range(3)]).status == 200
        api.fresh(name)
        assert api.post(f"/v1/people/{quoted(name)}/compare", PAIR).status == 200
        assert api.get(f"/v1/people/{quoted(name)}").body["user"] == name


def test_why_a_choice_was_made_is_kept_exported_and_erased_and_reaches_nobody_else(api: Api, user: str) -> None:
    learned(api, user)
    api.add(f"{user}-other", *[choice(n) for n in range(12)])
    api.fresh(f"{user}-other")
    path, why = f"/v1/people/{user}/choices/api/c3/reason", "Orchids are my measure of brevity."
    assert api.ask("PUT", path, {"reason": f" {why} "}).body == {"reason": why, "changed": True}
    assert api.ask("PUT", path, {"reason": why}).body["changed"] is False
    api.fresh(user)
    assert [one["reason"] for one in api.get(f"/v1/people/{user}/choices").body["choices"] if one.get("reason")] == [
        why
    ]
    assert why in str(api.get(f"/v1/people/{user}/export").body)
    assert api.add(user, choice(3)).body["known"] == 1  # sent again as it came, it is the same choice
    assert why in str(api.get(f"/v1/people/{user}/choices").body)
    for name in ("judge-prompt", "generation-prompt", "persona", "choices", "export"):
        assert why not in str(api.get(f"/v1/people/{user}-other/{name}").body), name
    for body, status in (({"reason": "  "}, 422), ({"reason": "x" * 2001}, 422), ({}, 422), ({"reason": 1}, 422)):
        answer = api.ask("PUT", path, body)
        assert (answer.status, answer.body["field"]) == (status, "reason")
    assert api.ask("PUT", path.replace("c3", "none"), {"reason": why}).body["field"] == "choice_id"
    assert api.ask("PUT", path, {"reason": None}).body == {"reason": None, "changed": True}
    assert why not in str(api.get(f"/v1/people/{user}/export").body)
    api.ask("PUT", path, {"reason": why})
    assert api.delete(f"/v1/people/{user}").body["erased"] is True
    assert api.ask("PUT", path, {"reason": why}).status in (404, 410)


def test_no_text_no_name_and_no_key_reaches_the_log_or_the_metrics(api: Api, server: Server, user: str) -> None:
    secret, person = "quince-and-walrus", f"{user}-walrus"
    assert api.key is not None
    api.add(person, *[choice(n, reason=secret, domain=secret) for n in range(4)])
    api.fresh(person)
    token = api.post(f"/v1/people/{person}/page-link", {"days": 1}).body["path"].removeprefix("/open/")
    base = f"/v1/people/{person}"
    api.ask("PUT", f"{base}/choices/api/c1/reason", {"reason": f"{secret} indeed"})
    api.post(f"{base}/choices", {"choices": [{secret: secret}], secret: 1})
    api.post(f"{base}/choices", secret.encode())
    api.post("/v1/feedback", {"id": secret, "rating": "up"})
    api.post(f"/keys/{api.key}/classify", {"input": [secret]})
    for path in (f"/{secret}", f"/open/{token}", f"/open/{secret}", f"{base}/export", f"{base}/choices?limit={secret}"):
        api.get(path)
    api.ask("POST", "/sign-in", f"key={api.key}".encode(), {"Content-Type": "application/x-www-form-urlencoded"})
    api.get(f"/people/{person}?said={secret}")
    server.api(secret).get(base)
    api.ask("GET", "/healthz", headers={"X-Request-Id": f"{secret} <"})
    metrics = api.get("/metrics").body
    api.ask("GET", base, headers={"X-Request-Id": "the-last-1"})
    server.await_event("request", id="the-last-1")
    for told in (metrics, "\n".join(server.lines)):
        for hidden in (secret, person, api.key, api.key.split("_", 2)[2], token):
            assert hidden not in told
