"""The front door on a real server (the simulated LLM) with simulated people: every verb and its async twin."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from facts import naming
from one_person import LONG, QUESTION, SHORT, door, learn, rest

from personalrm import SynthesizeMe
from personalrm.errors import (
    DataError,
    PersonalrmError,
    ProfileError,
    StorageError,
)
from personalrm.llm.simulated import SimulatedLLM
from personalrm.llm.simulated.behaviour import Behaviour
from personalrm.llm.simulated.statistics import Statistics
from personalrm.preferences import History, Message

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
