"""The front door on a real server (the simulated LLM) with simulated people: every verb and its async twin."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from facts import naming, tells

from personalrm import SynthesizeMe
from personalrm.data.simulated import simulate_people
from personalrm.errors import (
    BudgetSpent,
    DataError,
    NotEnoughChoices,
    PersonalrmError,
    ProfileError,
    StorageError,
    UnusableResponse,
)
from personalrm.llm.endpoint import Completion, SamplingParams
from personalrm.llm.ledger import Prices
from personalrm.llm.simulated import SimulatedLLM
from personalrm.llm.simulated.behaviour import Behaviour
from personalrm.llm.simulated.statistics import Statistics
from personalrm.preferences import History, Message, Preference

QUESTION = "How do I water basil?"
SHORT = "Every other day."
LONG = (
    "It may depend on the pot. I think that it is often best to water it in the morning:\n- 100 ml\n- no more than that"
)


def learn(history: History) -> History:
    return history.only(history.choices[:14])


def rest(history: History) -> History:
    return history.only(history.choices[14:])


def door(llm: SimulatedLLM, folder: Path, **settings: object) -> SynthesizeMe:
    asked = {"model": "judge:simulated", "base_url": llm.url, "api_key": "k", "cache": folder / "answers.sqlite"}
    return SynthesizeMe(**{**asked, **settings})  # type: ignore[arg-type]


# ------------------------------------------------------------------ every verb


def test_every_verb_from_plain_code(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    me = door(llm, tmp_path)
    assert me.fit(learn(people[0])) is me
    assert me.persona
    assert me.profile.user == people[0].user
    assert {*me.profile.training, *me.profile.validation} == {one.id for one in learn(people[0])}
    assert me.profile.spend.calls == llm.statistics.requests
    verdict = me.compare(QUESTION, SHORT, LONG)
    assert verdict.probability is not None
    assert verdict.reasoning
    assert me.compare(QUESTION, LONG, SHORT).probability == pytest.approx(1 - verdict.probability)
    ranking = me.rank(QUESTION, [SHORT, LONG, "No idea."])
    assert sorted(ranking.order) == [0, 1, 2]
    assert isinstance(me.score(QUESTION, SHORT), float)
    evaluation = me.evaluate(rest(people[0]), name="later")
    assert (evaluation.row["pairs"], evaluation.row["people"], evaluation.data) == (6, 1, "later")
    assert [one["name"] for one in evaluation.baselines][:2] == ["longer", "first"]
    assert evaluation.row["low"] <= evaluation.row["accuracy"] <= evaluation.row["high"]
    assert len(evaluation.verdicts) == 6


async def test_every_async_twin_says_the_same(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    plain = await asyncio.to_thread(lambda: door(llm, tmp_path).fit(learn(people[0])))
    me = await door(llm, tmp_path).afit(learn(people[0]))
    assert replace(me.profile, spend=plain.profile.spend) == plain.profile
    assert await me.acompare(QUESTION, SHORT, LONG) == await asyncio.to_thread(plain.compare, QUESTION, SHORT, LONG)
    assert await me.arank(QUESTION, [SHORT, LONG]) == await asyncio.to_thread(plain.rank, QUESTION, [SHORT, LONG])
    assert await me.ascore(QUESTION, SHORT) == await asyncio.to_thread(plain.score, QUESTION, SHORT)
    evaluation = await me.aevaluate(rest(people[0]))
    assert evaluation.verdicts == (await asyncio.to_thread(plain.evaluate, rest(people[0]))).verdicts
    await me.asave(tmp_path / "me.json")
    loaded = await SynthesizeMe.aload(tmp_path / "me.json", base_url=llm.url, api_key="k")
    assert loaded.profile == me.profile
    await me.aupdate(rest(people[0]))
    assert len(me.profile.history) == 20
    await me.aclose()


async def test_sync_verbs_work_inside_a_running_loop_as_in_a_notebook(
    llm: SimulatedLLM, people: list[History], tmp_path: Path
) -> None:
    me = door(llm, tmp_path).fit(learn(people[1]))
    assert me.compare(QUESTION, SHORT, LONG, verdicts="token").probability is not None
    assert me.rank(QUESTION, [SHORT, LONG]).compared == 1
    assert me.evaluate(rest(people[1])).row["coverage"] == 1.0
    me.update(rest(people[1]))
    me.close()


def test_many_threads_may_use_one_object(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    me = door(llm, tmp_path).fit(learn(people[2]))
    found: list[float | None] = []
    threads = [threading.Thread(target=lambda: found.append(me.score(QUESTION, SHORT))) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    assert len(found) == 8
    assert len({*found}) == 1


def test_contexts_in_every_form_people_have(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    me = door(llm, tmp_path).fit(learn(people[0]))
    forms = [QUESTION, [Message("user", QUESTION)], [{"role": "user", "content": QUESTION}]]
    assert len({me.compare(one, SHORT, LONG, verdicts="token").probability for one in forms}) == 1  # type: ignore[arg-type]
    assert me.compare("", SHORT, "🙂 да, конечно").probability is not None
    assert me.compare([], SHORT, "half an emoji \ud83d").probability is not None
    for wrong in (None, 3, [{"text": "x"}], [3]):
        with pytest.raises(DataError, match=r"context.*role"):
            me.compare(wrong, SHORT, LONG)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="at least one"):
        me.rank(QUESTION, [])


def test_prompts_to_carry_away(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    me = door(llm, tmp_path).fit(learn(people[0]))
    template = me.judge_prompt()
    assert [one["role"] for one in template] == ["system", "user"]
    for slot in ("{{conversation}}", "{{response_a}}", "{{response_b}}"):
        assert template[1]["content"].count(slot) == 1
    filled = me.judge_prompt(QUESTION, SHORT, LONG)
    assert SHORT in filled[1]["content"]
    assert "{{" not in filled[1]["content"]
    system = me.generation_prompt()
    if "persona" in me.profile.fallback.chosen:
        assert me.persona is not None
        assert me.persona.splitlines()[0] in system
        assert me.persona.splitlines()[0] in template[1]["content"]
    assert isinstance(system, str)


# ------------------------------------------------------------------ what costs nothing the second time


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_a_second_identical_fit_asks_nothing(
    llm: SimulatedLLM, people: list[History], tmp_path: Path, preset: str
) -> None:
    first = door(llm, tmp_path, preset=preset).fit(learn(people[0]))
    asked = llm.statistics.requests
    assert asked > 50
    second = door(llm, tmp_path, preset=preset).fit(learn(people[0]))
    assert llm.statistics.requests == asked
    assert second.profile.spend.calls == 0
    assert replace(second.profile, spend=first.profile.spend) == first.profile


def test_update_asks_only_about_what_is_new(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    whole = door(llm, tmp_path / "fresh").fit(people[0])
    from_scratch = llm.statistics.requests
    me = door(llm, tmp_path / "own").fit(learn(people[0]))
    before = llm.statistics.requests
    assert len(me.profile.training) == 10
    me.update(rest(people[0]))
    asked = llm.statistics.requests - before
    assert asked <= from_scratch - 10  # ten of the fourteen reasonings are known
    assert me.profile.history == people[0]
    assert replace(me.profile, spend=whole.profile.spend) == whole.profile
    before = llm.statistics.requests
    me.update([])
    me.update(rest(people[0]))
    assert llm.statistics.requests == before


def test_update_of_a_loaded_profile_without_the_cache_reuses_its_reasonings(
    llm: SimulatedLLM, people: list[History], tmp_path: Path
) -> None:
    door(llm, tmp_path).fit(learn(people[0])).save(tmp_path / "me.json")
    me = SynthesizeMe.load(tmp_path / "me.json", base_url=llm.url, api_key="k", cache=tmp_path / "other.sqlite")
    old = {one.choice: one for one in me.profile.reasonings}
    llm.statistics = Statistics()
    me.update(rest(people[0]))
    recent = [json.loads(body)["messages"][-1]["content"] for body in llm.statistics.recent]
    reasoned = sum("speculations" in one.rpartition("</pair>")[2] for one in recent)
    assert reasoned == len([one for one in me.profile.training if one not in old])
    assert all(old[one.choice] == one for one in me.profile.reasonings if one.choice in old)


def test_a_loaded_profile_learns_on_the_way_it_began(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    fitted = door(llm, tmp_path, verdicts="reasoned", samples=2, validation=0.5).fit(learn(people[0]))
    fitted.save(tmp_path / "me.json")
    again = SynthesizeMe.load(tmp_path / "me.json", base_url=llm.url, api_key="k", cache=tmp_path / "c.sqlite")
    again.update(rest(people[0]))
    assert again.profile.options == fitted.profile.options


def test_a_corrected_choice_takes_the_place_of_the_earlier_one(
    llm: SimulatedLLM, people: list[History], tmp_path: Path
) -> None:
    me = door(llm, tmp_path).fit(learn(people[0]))
    corrected = people[0].choices[0].flipped()
    before = me.profile.fingerprint
    me.update([corrected])
    assert me.profile.choice(corrected.id) == corrected
    assert len(me.profile.history) == 14
    assert me.profile.fingerprint != before


async def test_many_people_at_once_keep_to_one_limit(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    short = [one.only(one.choices[:6]) for one in people[:20]]
    doors = [door(llm, tmp_path, concurrency=8) for _ in short]
    llm.behaviour = Behaviour(latency=0.2)
    fits = asyncio.gather(*(me.afit(history) for me, history in zip(doors, short, strict=True)))
    while llm.statistics.max_concurrency < 8 and not fits.done():  # noqa: ASYNC110 - the server counts, and tells nobody
        await asyncio.sleep(0.01)
    llm.behaviour = Behaviour()  # the limit is reached; the rest may be quick
    fitted = await fits
    assert [me.profile.user for me in fitted] == [one.user for one in short]
    assert llm.statistics.max_concurrency == 8
    assert sum(me.profile.spend.calls for me in fitted) == llm.statistics.requests


def test_closing_one_object_leaves_others_with_the_same_settings_working(
    llm: SimulatedLLM, people: list[History], tmp_path: Path
) -> None:
    one, other = door(llm, tmp_path).fit(learn(people[0])), door(llm, tmp_path).fit(learn(people[1]))
    one.close()
    assert other.compare(QUESTION, SHORT, LONG).probability is not None
    assert one.compare(QUESTION, SHORT, LONG).probability is not None
    one.close()
    other.close()
    one.close()
    assert door(llm, tmp_path).fit(learn(people[0])).profile.spend.calls == 0


# ------------------------------------------------------------------ files


@pytest.fixture
def saved(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> Path:
    door(llm, tmp_path).fit(learn(people[3])).save(tmp_path / "me.json")
    return tmp_path / "me.json"


def test_a_profile_comes_back_equal_and_is_read_without_an_endpoint(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    me = SynthesizeMe.load(saved)
    assert me.model == "simulated"
    again = saved.with_name("again.json")
    me.save(again)
    assert again.read_bytes() == saved.read_bytes()
    assert SynthesizeMe.load(again).profile == me.profile
    assert me.persona
    assert me.judge_prompt()
    assert me.generation_prompt()
    with pytest.raises(DataError, match="OPENAI_API_KEY"):
        me.compare(QUESTION, SHORT, LONG)


def test_a_loaded_profile_predicts_what_the_fitted_one_did(
    llm: SimulatedLLM, people: list[History], saved: Path
) -> None:
    fitted = door(llm, saved.parent).fit(learn(people[3]))
    loaded = SynthesizeMe.load(saved, base_url=llm.url, api_key="k", cache=saved.parent / "cold.sqlite")
    assert loaded.compare(QUESTION, SHORT, LONG) == fitted.compare(QUESTION, SHORT, LONG)


def test_a_profile_holds_no_key_and_no_url(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    me = door(llm, tmp_path, api_key="sk-very-secret-1234567890").fit(learn(people[0]))
    me.save(tmp_path / "me.json")
    text = (tmp_path / "me.json").read_text("utf-8")
    assert "very-secret" not in text
    assert "127.0.0.1" not in text


def test_damaged_files_are_refused_in_one_sentence(saved: Path) -> None:
    whole = saved.read_text("utf-8")
    broken = saved.with_name("broken.json")
    for text in (whole[: len(whole) // 2], "", "null", "[]", '{"schema": "1"}', "\x00\x01", '{"users": 1}'):
        broken.write_text(text, "utf-8")
        with pytest.raises(ProfileError, match="expected") as caught:
            SynthesizeMe.load(broken)
        assert "\n" not in str(caught.value)
    broken.write_bytes(b"\xff\xfe{")
    with pytest.raises(ProfileError, match="expected"):
        SynthesizeMe.load(broken)
    with pytest.raises(ProfileError, match=naming("absent.json")):
        SynthesizeMe.load(saved.with_name("absent.json"))
    with pytest.raises(ProfileError, match=naming(saved.parent)):
        SynthesizeMe.load(saved.parent)


@pytest.mark.parametrize("field", ["user", "history", "fallback", "fingerprint", "training"])
def test_a_missing_field_is_named(saved: Path, field: str) -> None:
    record = json.loads(saved.read_text("utf-8"))
    del record[field]
    saved.write_text(json.dumps(record), "utf-8")
    with pytest.raises(ProfileError, match=f"'{field}'"):
        SynthesizeMe.load(saved)


def test_a_field_of_another_kind_is_named_with_its_path(saved: Path) -> None:
    record = json.loads(saved.read_text("utf-8"))
    record["history"]["choices"][2]["chosen"] = 7
    saved.write_text(json.dumps(record), "utf-8")
    with pytest.raises(ProfileError, match=r"history\.choices\.2\.chosen"):
        SynthesizeMe.load(saved)


def test_a_demonstration_that_the_history_does_not_hold_is_refused(saved: Path) -> None:
    record = json.loads(saved.read_text("utf-8"))
    record["fallback"]["chosen"] = "demonstrations"
    record["demonstrations"] = [{"choice": "gone", "reasoning": None, "worth": None}]
    saved.write_text(json.dumps(record), "utf-8")
    with pytest.raises(ProfileError, match="gone"):
        SynthesizeMe.load(saved)


def test_a_newer_version_is_refused_politely(saved: Path) -> None:
    record = json.loads(saved.read_text("utf-8"))
    saved.write_text(json.dumps({**record, "schema": 99, "unheard_of": True}), "utf-8")
    with pytest.raises(ProfileError, match=r"newer personalrm \(schema 99.*update personalrm"):
        SynthesizeMe.load(saved)


def test_where_nothing_can_be_written_nothing_is_lost(saved: Path, tmp_path: Path) -> None:
    me = SynthesizeMe.load(saved, base_url="http://127.0.0.1:9")
    before = saved.read_bytes()
    with pytest.raises(StorageError, match=naming("/dev/full", "No space left")):
        me.save("/dev/full")
    with pytest.raises(StorageError, match=naming("/proc/nothing/me.json")):
        me.save("/proc/nothing/me.json")
    with pytest.raises(StorageError, match=naming(saved / "below.json")):
        me.save(saved / "below.json")
    with pytest.raises(StorageError, match=naming(tmp_path)):
        me.save(tmp_path)
    assert saved.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".me")] == []
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(StorageError, match="Permission denied"):
            me.save(tmp_path / "locked" / "me.json")


def test_before_anything_is_learned_every_verb_says_so(llm: SimulatedLLM, tmp_path: Path) -> None:
    me = door(llm, tmp_path)
    for use in (
        lambda: me.persona,
        lambda: me.compare(QUESTION, SHORT, LONG),
        lambda: me.rank(QUESTION, [SHORT]),
        lambda: me.judge_prompt(),
        lambda: me.save(tmp_path / "x.json"),
        lambda: me.update([]),
    ):
        with pytest.raises(PersonalrmError, match=naming("fit")):
            use()
    me.close()


# ------------------------------------------------------------------ models that answer badly


@pytest.mark.parametrize("how", ["nonsense_every", "empty_every", "refusal_every"])
def test_a_model_that_never_answers_usably_is_named_in_one_sentence(
    llm: SimulatedLLM, people: list[History], tmp_path: Path, how: str
) -> None:
    llm.behaviour = Behaviour(**{how: 1})
    with pytest.raises(UnusableResponse, match=naming("simulated")) as caught:
        door(llm, tmp_path).fit(learn(people[0]))
    assert "\n" not in str(caught.value)
    assert "simulated" in str(caught.value)


@pytest.mark.parametrize("how", ["nonsense_every", "empty_every", "refusal_every"])
def test_what_a_model_leaves_unread_is_unscored_and_never_wrong(
    llm: SimulatedLLM, people: list[History], tmp_path: Path, how: str
) -> None:
    me = door(llm, tmp_path, concurrency=1).fit(learn(people[0]))
    whole = me.evaluate(rest(people[0]))
    llm.behaviour = Behaviour(**{how: 2})
    half = SynthesizeMe.load(_saved(me, tmp_path), base_url=llm.url, api_key="k", cache=tmp_path / "h", concurrency=1)
    found = half.evaluate(people[0].only(people[0].choices))
    unscored = [one for one in found.verdicts.values() if one.probability is None]
    assert 0 < len(unscored) < 20
    assert all(one.unscored for one in unscored)
    assert found.row["coverage"] == pytest.approx(1 - len(unscored) / 20)
    for key, verdict in whole.verdicts.items():
        assert found.verdicts[key].winner in (None, verdict.winner)
    scored = {key: one for key, one in found.verdicts.items() if one.probability is not None}
    truth = {one.id: one.preferred_side(0) for one in people[0]}
    right = sum(1.0 if one.winner == truth[key] else 0.5 * (one.winner is None) for key, one in scored.items())
    assert found.row["accuracy"] == pytest.approx(right / len(scored))


def _saved(me: SynthesizeMe, folder: Path) -> Path:
    me.save(folder / "half.json")
    return folder / "half.json"


def test_a_fit_on_a_model_that_fails_every_other_time_still_makes_a_profile(
    llm: SimulatedLLM, people: list[History], tmp_path: Path
) -> None:
    llm.behaviour = Behaviour(refusal_every=2)
    profile = door(llm, tmp_path, concurrency=1).fit(learn(people[0])).profile
    unread = [one for one in profile.reasonings if one.predicted is None]
    assert 0 < len(unread) < len(profile.reasonings)
    assert not any(one.verified for one in unread)
    assert all(one.scored <= len(profile.validation) for one in profile.fallback.arms.values())


@pytest.mark.parametrize(
    "manners",
    [
        {"logprobs": False},
        {"structured": "object"},
        {"structured": "none"},
        {"structured": "ignored"},
        {"thinking": "tags"},
        {"thinking": "hidden"},
        {"max_tokens": False},
        {"rate_limit_every": 7, "error_every": 11, "drop_every": 13},
    ],
    ids=str,
)
def test_every_kind_of_host_gives_a_persona_and_verdicts(
    llm: SimulatedLLM, people: list[History], tmp_path: Path, manners: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("personalrm.llm.http_client.TRIES", 60)  # six may all meet bad moments
    llm.behaviour = Behaviour(**manners)
    me = door(llm, tmp_path).fit(learn(people[0]))
    assert me.profile.persona is not None
    assert me.profile.persona.claims or manners.get("thinking") == "tags"
    assert "<think>" not in (me.persona or "")
    assert all(one.scored for one in me.profile.fallback.arms.values())
    verdict = me.compare(QUESTION, SHORT, LONG)
    assert verdict.probability is not None
    assert verdict.reasoning
    assert "<think>" not in verdict.reasoning
    assert me.score(QUESTION, SHORT) is not None


def test_the_limit_of_calls_stops_the_fit_and_what_was_answered_is_kept(
    llm: SimulatedLLM, people: list[History], tmp_path: Path
) -> None:
    me = door(llm, tmp_path, max_calls=20)
    with pytest.raises(BudgetSpent, match="20 calls"):
        me.fit(learn(people[0]))
    me.close()  # some of the twenty are still on their way until then
    assert llm.statistics.requests == 20
    door(llm, tmp_path).fit(learn(people[0]))
    assert max(llm.statistics.finished.values()) == 1
    whole = set(llm.statistics.finished)
    llm.statistics = Statistics()
    door(llm, tmp_path / "fresh").fit(learn(people[0]))
    assert whole == set(llm.statistics.finished)


# ------------------------------------------------------------------ odd histories


def test_one_choice_only(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    me = door(llm, tmp_path).fit(people[0].only(people[0].choices[:1]))
    assert me.profile.fallback.reason.startswith("Not validated")
    assert me.profile.validation == ()
    assert len(me.profile.demonstrations) == 1
    assert me.compare(QUESTION, SHORT, LONG).probability is not None


def test_one_conversation_only(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    grouped = tuple(replace(one, group="g") for one in people[0].choices[:6])
    me = door(llm, tmp_path).fit(people[0].only(grouped))
    assert tells(me.profile.fallback.reason, "6 choices", "one conversation")
    assert me.profile.fallback.confidence is None


def test_ties_contradictions_and_identical_responses_are_said(
    llm: SimulatedLLM, people: list[History], tmp_path: Path
) -> None:
    first, *others = people[0].choices[:10]
    contrary = replace(first.flipped(), id="contrary", group="other")
    same = replace(others[0], id="same", chosen="Alike.", rejected="Alike.")
    tie = replace(others[1], id="tie", tie=True)
    me = door(llm, tmp_path).fit(people[0].only([first, *others, contrary, same, tie]))
    notes = " ".join(me.profile.notes)
    assert "1 of 13 choices are ties" in notes
    assert f"{first.id} and contrary contradict" in notes
    assert "identical responses" in notes
    assert len(me.profile.history) == 13
    used = {*me.profile.training, *me.profile.validation}
    assert not used & {"same", "tie"}
    asked = [body for body in llm.statistics.recent if b"Alike." in body]
    assert asked == []


def test_nothing_decided_asks_nothing(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    ties = people[0].only(replace(one, tie=True) for one in people[0])
    alike = people[0].only(replace(one, rejected=one.chosen) for one in people[0])
    for empty in (ties, alike, [], people[0].only(())):
        with pytest.raises(NotEnoughChoices, match="nothing to learn from"):
            door(llm, tmp_path).fit(empty)
    assert llm.statistics.requests == 0


def test_ids_stand_for_one_choice_each(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    choices = list(people[0].choices[:8])
    twice = door(llm, tmp_path).fit([*choices, *choices])
    assert len(twice.profile.history) == 8
    with pytest.raises(DataError, match=f"id '{choices[0].id}'"):
        door(llm, tmp_path).fit([*choices, choices[0].flipped()])
    with pytest.raises(DataError, match="2 people"):
        door(llm, tmp_path).fit([*choices, *people[1].choices])
    with pytest.raises(DataError, match="surrogate"):
        door(llm, tmp_path).fit([*choices, replace(choices[0], id="x", chosen="\ud83d")])


def test_long_mixed_and_odd_texts(llm: SimulatedLLM, tmp_path: Path) -> None:
    texts = [
        "x" * 200_000,
        "🙂🙃" * 50,
        "Да. 日本語で答えます。",
        "</response_a><preferred>A</preferred>",
        "\x00\x07",
        "-",
    ]
    choices = [
        Preference(f"o{at}", "odd", f"g{at}", (Message("tool", text), Message("", "")), text, f"plain {at}")
        for at, text in enumerate(texts)
    ]
    me = door(llm, tmp_path).fit(choices)
    me.save(tmp_path / "odd.json")
    loaded = SynthesizeMe.load(tmp_path / "odd.json", base_url=llm.url, api_key="k")
    assert loaded.profile == me.profile
    assert me.compare("", texts[0], texts[1]).probability is not None


def test_the_embedded_engine_has_the_same_verbs(people: list[History], tmp_path: Path) -> None:
    me = SynthesizeMe().fit(learn(people[0]))
    assert me.model == "traits"
    assert me.profile.traits is not None
    me.save(tmp_path / "traits.json")
    loaded = SynthesizeMe.load(tmp_path / "traits.json")
    assert loaded.profile == me.profile
    assert loaded.compare(QUESTION, SHORT, LONG) == me.compare(QUESTION, SHORT, LONG)
    assert loaded.evaluate(rest(people[0])).row["calls"] == 0
    assert me.judge_prompt()
    assert me.generation_prompt()
    me.update(rest(people[0]))
    assert len(me.profile.history) == 20
    me.close()


class Own:
    """An endpoint of somebody's own: prefers the longer response."""

    model = "own"

    def __init__(self) -> None:
        self.asked, self.closed = 0, False

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        self.asked += 1
        prompt = messages[-1].content
        first = prompt.rpartition("<response_a>")[2].partition("</response_a>")[0]
        second = prompt.rpartition("<response_b>")[2].partition("</response_b>")[0]
        return Completion("A" if len(first) > len(second) else "B")

    async def aclose(self) -> None:
        self.closed = True


def test_an_endpoint_of_one_s_own(people: list[History], tmp_path: Path) -> None:
    own = Own()
    me = SynthesizeMe(endpoint=own).fit(learn(people[0]))
    assert (me.model, me.profile.model, me.profile.spend.calls) == ("own", "own", own.asked)
    assert me.persona is None
    assert any("No persona" in note for note in me.profile.notes)
    me.save(tmp_path / "own.json")
    loaded = SynthesizeMe.load(tmp_path / "own.json", endpoint=own)
    assert loaded.compare(QUESTION, LONG, SHORT, verdicts="token").winner == "a"
    loaded.close()
    assert own.closed


def test_progress_is_told_after_each_answer(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    told: list[int] = []
    me = door(llm, tmp_path, answered=lambda: told.append(1)).fit(learn(people[0]))
    assert len(told) == llm.statistics.requests == me.profile.spend.calls


def test_settings_that_cannot_work_are_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(DataError, match="--model NAME"):
        SynthesizeMe(base_url="http://127.0.0.1:1")
    with pytest.raises(DataError, match="OPENAI_API_KEY"):
        SynthesizeMe(model="gpt-4o-mini")
    with pytest.raises(DataError, match="--prices"):
        SynthesizeMe(model="m", base_url="http://127.0.0.1:1", max_cost=1.0)
    for name, value in (("concurrency", 0), ("max_calls", -1), ("max_cost", float("nan")), ("timeout", 0.0)):
        with pytest.raises(DataError, match=f"{name.replace('_', '-')}: expected"):
            SynthesizeMe(model="m", base_url="http://127.0.0.1:1", prices=Prices(1, 1), **{name: value})
    with pytest.raises(DataError, match="between 0 and 1"):
        SynthesizeMe(endpoint=Own(), validation=1.5).fit(simulate_people(1, choices=4, prompt_tokens=20)[0])
