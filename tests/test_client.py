"""`Client` over many people: every verb and its twin, what is kept, what an update reuses; simulated people and LLM."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from facts import naming

from personalrm.client import Client
from personalrm.data.writing import write_choices
from personalrm.errors import DataError, NotEnoughChoices, ProfileError, SeveralPeople, StorageError
from personalrm.llm.background_loop import run
from personalrm.llm.simulated import SimulatedLLM
from personalrm.llm.simulated.statistics import Statistics
from personalrm.models.base import Engine, Predictor
from personalrm.models.engines import JudgeEngine, TraitsEngine
from personalrm.models.registry import engine_named
from personalrm.preferences import History, Message, Preference
from personalrm.profile.file import load, save
from personalrm.profile.options import Options
from personalrm.profile.records import JudgeState, Profile, TraitsState

OLD = Path(__file__).parent / "profile/old"
CONTEXT = "How do I water basil?"
SHORT, LONG = "Every day.", "Water it every day. Mornings are best, because the leaves dry. Use about 100 ml."


@pytest.fixture(scope="module")
def profiles(people: list[History]) -> list[Profile]:
    return [Client().fit(one.only(one.choices[:10])) for one in people[:3]]


def asking(llm: SimulatedLLM, folder: Path, options: Options | None = None) -> Client:
    cache = folder / "answers.sqlite"
    return Client("judge:simulated", base_url=llm.url, api_key="k" * 12, cache=cache, options=options)


def later(history: History) -> History:
    return history.only(history.choices[10:])


# the verbs ------------------------------------------------------------------------------------------------------------


def test_every_verb_takes_the_profile_it_is_about(people: list[History], profiles: list[Profile]) -> None:
    client = Client()
    for profile, history in zip(profiles, people, strict=False):
        assert profile.user == history.user
        verdict = client.compare(profile, CONTEXT, SHORT, LONG)
        (again,) = client.compare_many(profile, [(CONTEXT, SHORT, LONG)])
        assert verdict.probability == pytest.approx(again.probability, abs=1e-6)
        ranking = client.rank(profile, CONTEXT, [SHORT, LONG])
        assert (ranking.order[0] == 0) == (verdict.winner == "a")
        assert client.evaluate(profile, later(history)).row["pairs"] == len(later(history))
        questions = client.next_question(profile, later(history), top=2, criterion="prediction")
        assert len({one.candidate.id for one in questions}) == 2
        assert [one["role"] for one in client.judge_prompt(profile)] == ["system", "user"]
        assert client.generation_prompt(profile)
    rows = client.score_many(profiles, CONTEXT, [SHORT, LONG, SHORT])
    assert [len(one) for one in rows] == [3, 3, 3]
    assert rows == [[client.score(one, CONTEXT, text) for text in (SHORT, LONG, SHORT)] for one in profiles]
    assert len({row[0] for row in rows}) == 3  # three people


async def test_the_async_twins_say_the_same(people: list[History], profiles: list[Profile]) -> None:
    plain, client = Client(), Client()
    fitted = await client.afit(people[0].only(people[0].choices[:10]))
    assert fitted == profiles[0]
    assert await client.acompare(fitted, CONTEXT, SHORT, LONG) == plain.compare(fitted, CONTEXT, SHORT, LONG)
    assert await client.acompare_many(fitted, [(CONTEXT, SHORT, LONG)]) == plain.compare_many(
        fitted, [(CONTEXT, SHORT, LONG)]
    )
    assert await client.arank(fitted, CONTEXT, [SHORT, LONG]) == plain.rank(fitted, CONTEXT, [SHORT, LONG])
    assert await client.ascore(fitted, CONTEXT, SHORT) == plain.score(fitted, CONTEXT, SHORT)
    assert await client.ascore_many(profiles, CONTEXT, [SHORT]) == plain.score_many(profiles, CONTEXT, [SHORT])
    assert await client.anext_question(fitted, later(people[0])) == plain.next_question(fitted, later(people[0]))
    assert (await client.aevaluate(fitted, later(people[0]))).verdicts == plain.evaluate(
        fitted, later(people[0])
    ).verdicts
    assert await client.aupdate(fitted, later(people[0])) == plain.update(fitted, later(people[0]))
    assert isinstance(await client.aopen(fitted), type(plain.open(fitted)))
    await client.aclose()


def test_every_verb_on_a_language_model(llm: SimulatedLLM, people: list[History], tmp_path: Path) -> None:
    client = asking(llm, tmp_path)
    ada, bob = (client.fit(one.only(one.choices[:8])) for one in people[:2])
    assert isinstance(ada.engine, JudgeState)
    assert client.compare(ada, CONTEXT, SHORT, LONG).reasoning
    assert [one.probability for one in client.compare_many(ada, [(CONTEXT, SHORT, LONG)] * 2)] != [None, None]
    assert sorted(client.rank(bob, CONTEXT, [SHORT, LONG, "No."]).order) == [0, 1, 2]
    (row,) = client.score_many([ada], CONTEXT, [SHORT, LONG])
    assert row == [client.score(ada, CONTEXT, SHORT), client.score(ada, CONTEXT, LONG)]
    assert client.evaluate(ada, later(people[0])).row["calls"] > 0
    with pytest.raises(ProfileError, match=naming("simulated", "traits")):
        client.next_question(ada, later(people[0]))
    client.close()
    assert client.compare(ada, CONTEXT, SHORT, LONG).probability is not None  # connects again
    client.close()


async def test_plain_verbs_work_inside_a_running_loop_and_async_ones_anywhere(
    llm: SimulatedLLM, people: list[History], profiles: list[Profile], tmp_path: Path
) -> None:
    client = asking(llm, tmp_path)
    profile = client.fit(people[5].only(people[5].choices[:6]))
    assert client.compare(profile, CONTEXT, SHORT, LONG) == await client.acompare(profile, CONTEXT, SHORT, LONG)
    assert Client().score(profiles[0], CONTEXT, SHORT) == await Client().ascore(profiles[0], CONTEXT, SHORT)
    inside = await asyncio.to_thread(lambda: run(client.acompare(profile, CONTEXT, SHORT, LONG)))
    assert inside.probability is not None
    client.close()


def test_who_names_no_model_predicts_with_what_the_profile_was_fitted_with(
    llm: SimulatedLLM, people: list[History], profiles: list[Profile], tmp_path: Path
) -> None:
    judged = asking(llm, tmp_path).fit(people[0].only(people[0].choices[:6]))
    client = Client(cache=tmp_path / "other.sqlite")
    assert client.score(profiles[0], CONTEXT, SHORT) is not None
    with pytest.raises(DataError, match="OPENAI_API_KEY"):
        client.compare(judged, CONTEXT, SHORT, LONG)
    with pytest.raises(ProfileError, match=naming("traits")):
        Client("traits").compare(judged, CONTEXT, SHORT, LONG)
    llm.statistics = Statistics()
    assert asking(llm, tmp_path).compare(profiles[0], CONTEXT, SHORT, LONG).probability is not None
    assert llm.statistics.requests == 2  # the model, shown what the traits found


def test_a_file_of_several_people_needs_a_name(people: list[History], tmp_path: Path) -> None:
    write_choices(tmp_path / "both.jsonl", [*people[0], *people[1]])
    with pytest.raises(DataError, match="2 people"):
        Client().fit(tmp_path / "both.jsonl")
    assert Client().fit(tmp_path / "both.jsonl", people[1].user).user == people[1].user


@pytest.mark.parametrize(
    "verb",
    [
        lambda client, one: client.compare(one, 3, SHORT, LONG),
        lambda client, one: client.compare(one, CONTEXT, SHORT, None),
        lambda client, one: client.rank(one, CONTEXT, []),
        lambda client, one: client.rank(one, CONTEXT, "text"),
        lambda client, one: client.score(one, CONTEXT, 7),
        lambda client, one: client.score_many([one], CONTEXT, []),
        lambda client, one: client.next_question(one, [], 0),
        lambda client, one: client.fit([3]),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(verb, profiles: list[Profile]) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError) as caught:
        verb(Client(), profiles[0])
    assert "\n" not in str(caught.value)


def test_settings_that_cannot_work_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(DataError, match="OPENAI_API_KEY"):
        Client("gpt-4o-mini")
    with pytest.raises(DataError, match="--model NAME"):
        Client(base_url="http://127.0.0.1:1")
    with pytest.raises(DataError, match="samples"):
        Client(options=Options(samples=0))


@pytest.mark.parametrize("how", ["dicts", "an iterator", "pandas", "polars", "pyarrow", "datasets"])
def test_rows_and_tables_are_choices(how: str) -> None:
    rows = [{"asked": f"Question {at}?", "good": SHORT, "bad": LONG, "n": at} for at in range(6)]
    given: object = rows if how == "dicts" else iter(rows)
    if how in ("pandas", "polars"):
        given = pytest.importorskip(how).DataFrame(rows)
    elif how == "pyarrow":
        given = pytest.importorskip(how).Table.from_pylist(rows)
    elif how == "datasets":
        given = pytest.importorskip(how).Dataset.from_list(rows)
    columns = {"prompt": "asked", "chosen": "good", "rejected": "bad"}
    client = Client()
    profile = client.fit(given, user="ada", columns=columns)
    assert (profile.user, len(profile.history)) == ("ada", 6)
    assert [(one.chosen, one.rejected, one.context[0].content) for one in profile.history][:1] == [
        (SHORT, LONG, "Question 0?")
    ]
    more = client.update(
        profile, [{"asked": "One more?", "good": SHORT, "bad": LONG}], columns="prompt=asked,chosen=good,rejected=bad"
    )
    assert (more.user, len(more.history)) == ("ada", 7)
    assert len(client.evaluate(profile, [{"prompt": "And now?", "a": SHORT, "b": LONG, "winner": "a"}]).verdicts) == 1
    (question,) = client.next_question(more, [{"prompt": "And then?", "a": SHORT, "b": LONG}])
    assert {question.candidate.a, question.candidate.b} == {SHORT, LONG}


def test_rows_of_several_people_need_a_name() -> None:
    rows = [{"user": who, "prompt": str(at), "chosen": SHORT, "rejected": LONG} for who in "ab" for at in range(4)]
    assert len(Client().fit(rows, user="a").history) == 4
    with pytest.raises(SeveralPeople):
        Client().fit(rows)
    with pytest.raises(DataError, match="expected rows"):
        Client().fit(3)


def test_a_preference_needs_two_responses_alone() -> None:
    one = Preference(chosen=SHORT, rejected=LONG)
    assert (one.user, one.context, bool(one.id), bool(one.group)) == ("me", (), True, True)
    with pytest.raises(TypeError, match="needs 'chosen' and 'rejected'"):
        Preference(chosen=SHORT)
    assert len(Client().fit([Preference(context=str(at), chosen=SHORT, rejected=LONG) for at in range(4)]).history) == 4


# opened predictors ----------------------------------------------------------------------------------------------------


def test_a_predictor_is_opened_once_and_shared_by_equal_profiles(profiles: list[Profile], tmp_path: Path) -> None:
    client = Client()
    save(profiles[0], tmp_path / "me.json")
    first = client.open(profiles[0])
    assert client.open(profiles[0]) is first
    assert client.open(load(tmp_path / "me.json")) is first
    assert client.open(profiles[1]) is not first
    changed = replace(profiles[0], fallback=replace(profiles[0].fallback, reason="another"))
    assert client.open(changed) is not first


def test_as_many_predictors_are_kept_as_is_said(profiles: list[Profile]) -> None:
    client = Client(opened=2)
    first, second, _ = (client.open(one) for one in profiles)
    assert client.open(profiles[1]) is second
    assert client.open(profiles[0]) is not first


def test_many_threads_may_use_one_client(profiles: list[Profile]) -> None:
    client, found = Client(opened=2), list[float | None]()
    threads = [
        threading.Thread(target=lambda one=one: found.append(client.score(one, CONTEXT, SHORT))) for one in profiles * 8
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert len(found) == 24
    assert len({*found}) == 3


# update ---------------------------------------------------------------------------------------------------------------


def test_an_update_keeps_the_prior_that_the_profile_was_fitted_with(people: list[History], tmp_path: Path) -> None:
    """Fault: `fit --population P`, then `update`, took the prior that ships without a word."""
    pair = (people[0].choices[11].context, people[0].choices[11].chosen, people[0].choices[11].rejected)
    client = Client(population=people[1:25], options=Options(seed=5))
    save(client.fit(people[0].only(people[0].choices[:10])), tmp_path / "me.json")
    profile = load(tmp_path / "me.json")
    before = Client().compare(profile, *pair).probability
    again = Client().update(profile, [])
    assert again.engine == profile.engine
    assert Client().compare(again, *pair).probability == before
    more = Client().update(profile, later(people[0]))
    assert isinstance(more.engine, TraitsState)
    assert isinstance(profile.engine, TraitsState)
    assert more.engine.state["prior"] == profile.engine.state["prior"]
    whole = client.fit(people[0])  # as if all had been known from the start
    assert more.fallback.confidence == pytest.approx(whole.fallback.confidence, abs=1e-3)  # the prior is kept rounded
    assert replace(more, fallback=whole.fallback) == whole
    other = Client(population=people[7:25]).update(profile, [])  # asked for: another population
    assert isinstance(other.engine, TraitsState)
    assert other.engine.state["prior"] != profile.engine.state["prior"]


def test_the_prior_of_an_old_profile_is_kept_as_well() -> None:
    profile = load(OLD / "traits-population.json")
    pairs = [(one.context, one.chosen, one.rejected) for one in profile.history]
    client = Client()
    before = [one.probability for one in client.compare_many(profile, pairs)]
    assert [one.probability for one in client.compare_many(client.update(profile, []), pairs)] == pytest.approx(before)


def test_traits_profiles_say_how_they_were_fitted(people: list[History]) -> None:
    """Fault: they recorded seed 0, default options and no version."""
    from personalrm import __version__

    options = Options(seed=5, verdicts="reasoned")
    profile = Client(options=options, population=people[1:8]).fit(people[0])
    assert (profile.seed, profile.options, profile.personalrm) == (5, options, __version__)
    assert Client().update(profile, []).options == options


def test_a_population_is_learned_from_once_for_all_who_are_not_part_of_it(
    people: list[History], monkeypatch: pytest.MonkeyPatch
) -> None:
    from personalrm.models.traits import TraitsModel

    learned: list[int] = []
    real = TraitsModel.from_population
    monkeypatch.setattr(TraitsModel, "from_population", lambda given, **how: learned.append(1) or real(given, **how))
    client = Client(population=iter(people[2:26]))  # an iterator is read once
    for one in (people[0], people[1], people[2], people[2]):
        client.fit(one)
    assert len(learned) == 2  # without anybody, and without the third person


def test_an_update_with_other_options_asks_again_what_depends_on_them(
    llm: SimulatedLLM, people: list[History], tmp_path: Path
) -> None:
    """Fault: reasonings made in one order were kept while the profile recorded that both were asked."""
    history = people[0].only(people[0].choices[:8])
    profile = asking(llm, tmp_path / "a").fit(history)
    for options in (Options(both_orders=True), Options(samples=2), Options(seed=3)):
        updated = asking(llm, tmp_path / str(options.seed + options.samples), options).update(profile, [])
        fresh = asking(llm, tmp_path / "fresh", options).fit(history)
        assert updated.options == options
        assert updated.reasonings == fresh.reasonings
        assert [one.verified for one in updated.reasonings] == [one.verified for one in fresh.reasonings]
    llm.statistics = Statistics()
    same = asking(llm, tmp_path / "b", Options(verdicts="reasoned")).update(profile, [])
    assert same.reasonings == profile.reasonings  # how verdicts are asked for changes no reasoning
    reasoned = [body for body in map(json.loads, llm.statistics.recent) if "speculations" in str(body["messages"])]
    assert not reasoned


def test_a_trained_folder_that_was_moved_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault: it was said to hold another model."""
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    profile = load(OLD / "trained.json")
    with pytest.raises(DataError, match=naming("lore-model")):
        Client().compare(profile, CONTEXT, SHORT, LONG)
    shutil.copytree(OLD / "lore-model", tmp_path / "elsewhere")
    assert Client("trained:elsewhere").compare(profile, CONTEXT, SHORT, LONG).probability is not None


# evaluate -------------------------------------------------------------------------------------------------------------


def test_evaluate_says_how_much_of_the_test_was_known(people: list[History]) -> None:
    """Fault: choices of conversations that were learned from passed for new ones."""
    history = people[0]
    groups = [replace(one, group="one", id=f"x{at}") for at, one in enumerate(history.choices[:3])]
    learned, test = history.only([*groups[:2], *history.choices[3:10]]), [*groups[1:], *history.choices[9:]]
    found = Client().evaluate(Client().fit(learned), test)
    assert (found.learned_from, found.shared_conversations) == (2, 1)
    assert found.as_json()["learned_from"] == 2
    assert found.as_json()["shared_conversations"] == 1
    clean = Client().evaluate(Client().fit(history.only(history.choices[:10])), later(history))
    assert (clean.learned_from, clean.shared_conversations) == (0, 0)
    first = history.choices[0]
    elsewhere = replace(
        first, id="new", group="", context=(*first.context, Message("assistant", "Yes."), Message("user", "More?"))
    )
    same_conversation = Client().evaluate(Client().fit(history.only(history.choices[:10])), [elsewhere])
    assert same_conversation.shared_conversations == 1


# files ----------------------------------------------------------------------------------------------------------------


def test_a_profile_is_readable_by_its_owner_alone(profiles: list[Profile], tmp_path: Path) -> None:
    """Fault: it holds all the person's texts and was written 0644."""
    path = tmp_path / "folder" / "me.json"
    for _ in range(2):
        save(profiles[0], path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)


def test_no_data_and_no_other_person_s_profile_is_replaced(profiles: list[Profile], tmp_path: Path) -> None:
    """Fault: --out replaced the choices it was fitted from, and anything else."""
    for name, content in (
        ("choices.jsonl", b'{"prompt": "Hi", "chosen": "A", "rejected": "B"}\n'),
        ("row.json", b'{"prompt": "Hi", "chosen": "A", "rejected": "B"}'),
        ("other.json", b'{"schema": 1, "instruction": "a prompt file"}'),
        ("notes.txt", b"keep me"),
        ("list.json", b"[1, 2]"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        for force in (False, True):
            with pytest.raises(StorageError, match=name):
                save(profiles[0], path, force=force)
        assert path.read_bytes() == content
    mine = tmp_path / "me.json"
    save(profiles[0], mine)
    save(Client().update(profiles[0], []), mine)  # the same person
    before = mine.read_bytes()
    with pytest.raises(StorageError, match=r"me\.json.*--force"):
        save(profiles[1], mine)
    assert mine.read_bytes() == before
    save(profiles[1], mine, force=True)
    assert load(mine) == profiles[1]
    empty = tmp_path / "empty.json"
    empty.touch()
    save(profiles[0], empty)
    assert load(empty) == profiles[0]


def test_two_people_without_a_name_are_told_apart_by_their_choices(people: list[History], tmp_path: Path) -> None:
    def nameless(history: History) -> Profile:
        return Client().fit([replace(one, user="me") for one in history])

    save(nameless(people[0]), tmp_path / "me.json")
    save(nameless(people[0].only(people[0].choices[:12])), tmp_path / "me.json")
    with pytest.raises(StorageError, match="another person"):
        save(nameless(people[1]), tmp_path / "me.json")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_rights_is_one_sentence(profiles: list[Profile], tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match=naming(tmp_path / "me.json")):
        save(profiles[0], tmp_path / "me.json")


# the seam -------------------------------------------------------------------------------------------------------------


def test_engines_say_what_they_are(llm: SimulatedLLM) -> None:
    traits, trained = engine_named("traits"), engine_named(f"trained:{OLD / 'lore-model'}")
    assert (traits.scalar, traits.has_uncertainty, traits.asks_endpoint) == (True, True, False)
    assert (trained.scalar, trained.has_uncertainty, trained.asks_endpoint) == (True, True, False)
    judge: Engine = JudgeEngine(None)  # type: ignore[arg-type]
    assert (judge.scalar, judge.has_uncertainty, judge.asks_endpoint) == (False, False, True)


async def test_an_engine_is_usable_by_itself(people: list[History]) -> None:
    engine: Engine = TraitsEngine()
    profile = await engine.fit(people[0])
    predictor: Predictor = await engine.open(profile)
    (verdict,) = await predictor.compare_many([((Message("user", CONTEXT),), SHORT, LONG)])
    assert verdict.probability is not None
    with pytest.raises(NotEnoughChoices):
        await engine.fit(people[0].only(()))


async def test_nothing_is_computed_on_the_caller_s_loop(people: list[History], profiles: list[Profile]) -> None:
    from personalrm.models.traits import TraitsModel

    here, seen = threading.get_ident(), set[int]()
    real = TraitsModel.compare

    def spy(self, *given):  # type: ignore[no-untyped-def]
        seen.add(threading.get_ident())
        return real(self, *given)

    TraitsModel.compare = spy  # type: ignore[method-assign]
    try:
        await Client().acompare(profiles[0], CONTEXT, SHORT, LONG)
    finally:
        TraitsModel.compare = real  # type: ignore[method-assign]
    assert seen
    assert here not in seen
