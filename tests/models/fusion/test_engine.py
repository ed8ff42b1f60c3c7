"""``fused:MODEL`` against a simulated model in a process of its own, through `Client` and the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from command_line import Run
from facts import naming

from personalrm.client import Client
from personalrm.data.writing import write_choices
from personalrm.errors import DataError, ProfileError
from personalrm.models.fusion.predictor import _explanation
from personalrm.models.fusion.table import JudgeKey, LabelledVerdict, VerdictTable, prompt_version, table_path
from personalrm.preferences import History, Message, Preference, Verdict
from personalrm.profile.file import load, save
from personalrm.profile.options import VerdictMode
from personalrm.profile.records import FusedState, JudgeState, Profile

NAME = "fused:simulated"


class Host:
    """The simulated model's process."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def calls(self) -> int:
        """Requests so far."""
        with urllib.request.urlopen(f"{self.url}/stats") as answer:
            return int(json.load(answer)["requests"])


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    command = [sys.executable, "-m", "personalrm.llm.simulated", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Host(process.stdout.readline().split()[0])
        process.terminate()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


@pytest.fixture
def client(host: Host, cache: Path) -> Iterator[Client]:
    made = Client(NAME, base_url=host.url, cache=cache)
    yield made
    made.close()


def teach(cache: Path, verdict: float = 1.0, mode: VerdictMode = "token", right: float = 0.8) -> float:
    """Two hundred verdicts of the plain judge on an invented person's choices; gives the weight that they earn."""
    draw, key = np.random.default_rng(0), JudgeKey("simulated", "default", prompt_version("default", mode), mode)
    context = (Message("user", "Well?"),)
    table = VerdictTable(table_path(cache))
    some = [
        LabelledVerdict(
            "someone else",
            Preference(f"{at}", "someone else", f"{at}", context, f"Yes {at}.", f"Nay {at}."),
            float(draw.normal(0.2, 0.5)),
            verdict * (1 if draw.random() < right else -1),
        )
        for at in range(200)
    ]
    table.add(key, some)
    return table.weight(key).weight.weight


def pairs_of(history: History) -> list[tuple[tuple[Message, ...], str, str]]:
    return [(one.context, one.chosen, one.rejected) for one in history.decided]


def test_a_fit_keeps_both_parts_and_labels_the_judges_verdicts(
    client: Client, cache: Path, people: list[History], tmp_path: Path
) -> None:
    profile = client.fit(people[0])
    assert isinstance(profile.engine, FusedState)
    assert (profile.model, set(profile.engine.parts)) == (NAME, {"traits", "judge"})
    assert profile.traits is not None
    assert profile.reasonings
    assert set(profile.engine.weights.values()) == {0.0}  # nobody else's labels are there
    assert any("default 0 (0 of 100)" in one for one in profile.notes)
    assert any("judge:simulated" in one for one in profile.notes)
    assert any(Client("traits").fit(people[0]).fallback.reason in one for one in profile.notes)
    rows = {one.key.arm: one for one in VerdictTable(table_path(cache)).rows()}
    assert {"default", "demonstrations"} <= set(rows)
    assert all(0 < one.weight.labels <= len(profile.validation) and one.people == 1 for one in rows.values())
    save(profile, tmp_path / "me.json")
    assert load(tmp_path / "me.json") == profile


def test_before_a_hundred_labels_traits_predict_and_nobody_is_asked(
    client: Client, host: Host, people: list[History]
) -> None:
    profile, traits = client.fit(people[0]), Client("traits")
    asked, pairs = host.calls, pairs_of(people[1])
    found = client.compare_many(profile, pairs)
    assert found == traits.compare_many(traits.fit(people[0]), pairs)
    context, a, b = pairs[0]
    assert client.rank(profile, context, [a, b, "Maybe."]) == traits.rank(profile, context, [a, b, "Maybe."])
    assert client.score(profile, context, a) == traits.score(profile, context, a)
    assert host.calls == asked


def test_a_judge_is_asked_where_it_can_change_the_prediction_and_nowhere_else(
    client: Client, host: Host, cache: Path, people: list[History]
) -> None:
    weight = teach(cache)
    profile = client.fit(people[0])  # adds labels of this person, which do not count for the person's own predictions
    assert weight > 0.3
    pairs = pairs_of(people[1])
    alone = [one.probability or 0.0 for one in Client("traits").compare_many(profile, pairs)]
    logit = np.log(alone) - np.log1p(-np.array(alone))
    asked = host.calls
    found = [one.probability or 0.0 for one in client.compare_many(profile, pairs)]
    near = np.abs(logit) < weight
    assert 0 < near.sum() < len(pairs)
    assert host.calls - asked == 2 * near.sum()  # both orders
    moved = np.log(found) - np.log1p(-np.array(found)) - logit
    assert np.abs(moved[~near]).max() == 0.0
    assert np.abs(np.abs(moved[near]) - weight).max() < 1e-6


def test_whoever_asks_for_reasons_hears_those_of_the_judge(client: Client, cache: Path, people: list[History]) -> None:
    profile = client.fit(people[0])
    teach(cache, mode="reasoned", right=0.97)
    pairs = pairs_of(people[1])
    alone = [Client("traits").compare(profile, *one) for one in pairs]
    found = [client.compare(profile, *one) for one in pairs]
    assert any(one.reasoning != other.reasoning for one, other in zip(found, alone, strict=True))
    assert all(one.reasoning for one in found)


def test_reasons_are_for_the_predicted_response() -> None:
    """Both a judge's and the traits' words are left out where they speak for the other response."""
    alone, judge = Verdict(0.7, "A is favoured by length."), Verdict(0.2, "B is kinder.")
    assert _explanation(0.3, alone, [judge]) == "B is kinder."
    assert _explanation(0.6, alone, [judge]) == "A is favoured by length."
    outweighed = _explanation(0.3, alone, [Verdict(0.2)])  # a letter without words
    assert outweighed is not None
    assert "By traits alone" in outweighed
    assert _explanation(0.3, Verdict(0.7), [Verdict(0.2)]) is None


def test_an_update_keeps_what_was_reasoned(client: Client, host: Host, people: list[History]) -> None:
    first, later = people[0].choices[:16], people[0].choices[16:]
    profile = client.fit(History("ada", first))
    fresh = Client(NAME, base_url=host.url, cache=":memory:")
    updated = fresh.update(profile, History("ada", later))
    assert len(updated.history) == len(people[0])
    again = {one.choice: one for one in profile.reasonings}
    assert any(again.get(one.choice) == one for one in updated.reasonings)
    fresh.close()


def test_evaluating_a_judge_labels_its_verdicts(host: Host, cache: Path, people: list[History]) -> None:
    plain = Client("judge:simulated", base_url=host.url, cache=cache)
    half = len(people[0]) // 2
    profile = plain.fit(people[0].choices[:half])
    test = History(people[0].user, people[0].choices[half:])
    evaluation = plain.evaluate(profile, test)
    (row,) = VerdictTable(table_path(cache)).rows()
    assert (row.key.model, row.key.arm, row.key.mode) == ("simulated", profile.fallback.chosen, "token")
    assert row.weight.labels == sum(one.probability is not None for one in evaluation.verdicts.values())
    plain.evaluate(profile, test)
    assert VerdictTable(table_path(cache)).rows() == [row]
    plain.close()


def test_a_model_is_fused_with_traits_unless_its_name_says_otherwise(
    host: Host, cache: Path, people: list[History]
) -> None:
    pairs = pairs_of(people[1])
    with closing(Client("simulated", base_url=host.url, cache=cache)) as bare:
        profile, traits = bare.fit(people[0]), Client("traits")
        assert isinstance(profile.engine, FusedState)
        assert profile.model == NAME
        asked = host.calls
        of_traits = traits.fit(people[0])
        assert bare.compare_many(profile, pairs) == traits.compare_many(of_traits, pairs)
        assert host.calls == asked
        candidates = people[1].choices[:4]
        assert Client().next_question(profile, candidates) == traits.next_question(of_traits, candidates)
        teach(cache)
        with closing(Client("simulated", base_url=host.url, cache=cache)) as taught:
            assert not any("judge:simulated" in one for one in taught.fit(people[1]).notes)
            assert taught.compare_many(profile, pairs) != traits.compare_many(of_traits, pairs)
        assert host.calls > asked


def test_a_profile_of_the_model_by_itself_stays_so(host: Host, cache: Path, people: list[History]) -> None:
    """As every profile of a language model was up to 0.1."""
    pair, early = pairs_of(people[1])[0], people[0].only(people[0].choices[:10])
    with closing(Client("judge:simulated", base_url=host.url, cache=cache)) as alone:
        profile = alone.fit(early)
        assert isinstance(profile.engine, JudgeState)
        assert profile.model == "simulated"
        judged = alone.compare(profile, *pair, verdicts="token")
    with closing(Client("simulated", base_url=host.url, cache=cache)) as bare:
        assert bare.compare(profile, *pair, verdicts="token") == judged
        updated = bare.update(profile, people[0])
        assert isinstance(updated.engine, JudgeState)
    with closing(Client(base_url=host.url, model="fused:simulated", cache=cache)) as fused:
        assert isinstance(fused.update(profile, people[0]).engine, FusedState)


def test_a_risk_is_refused_before_a_model_is_asked(
    client: Client, host: Host, cache: Path, people: list[History]
) -> None:
    teach(cache, right=0.99)
    profile = client.fit(people[0])
    asked = host.calls
    with pytest.raises(ProfileError, match=naming("--max-risk", NAME)):
        client.compare(profile, "Well?", "Yes.", "No.", max_risk=0.3)
    assert host.calls == asked


def test_other_profiles_and_names_are_refused_in_words(client: Client, people: list[History]) -> None:
    other: Profile = Client("traits").fit(people[0])
    with pytest.raises(ProfileError, match=naming(people[0].user, "traits", "fused:MODEL")):
        client.open(other)
    with pytest.raises(DataError, match=naming("fused:MODEL")):
        Client("fused:", base_url="http://127.0.0.1:9/v1").fit(people[0])


def test_the_command_line_fits_predicts_evaluates_and_shows_the_weights(
    run: Run, host: Host, people: list[History], tmp_path: Path
) -> None:
    write_choices(tmp_path / "first.jsonl", people[0].choices[:14])
    write_choices(tmp_path / "later.jsonl", people[0].choices[14:])
    me, at = tmp_path / "me.json", ("--base-url", host.url)
    fitted = run("fit", tmp_path / "first.jsonl", "--model", NAME, *at, "--out", me)
    assert fitted.code == 0
    assert "traits alone" in fitted.out.partition("\n\n")[0]  # no label of anybody else's: the model is not asked
    assert " for, " in fitted.out  # the persona's claims are counted
    said = run("compare", me, "--prompt", "Well?", "--a", "Yes.", "--b", "No, and here is why.", "--json", *at)
    assert said.code == 0
    assert 0.0 < json.loads(said.out)["probability"] < 1.0
    evaluated = run("evaluate", me, tmp_path / "later.jsonl", "--json", *at)
    assert json.loads(evaluated.out)["methods"][0]["name"] == "fused"
    weights = run("judge-weights", "--json")
    rows = json.loads(weights.out)
    assert {one["arm"] for one in rows} >= {"default", "demonstrations"}
    assert all(one["model"] == "simulated" and one["weight"] == 0.0 and one["labels"] > 0 for one in rows)
    assert "simulated · default · token" in run("judge-weights").out
    assert json.loads(run("judge-weights", "--json", "--cache", "postgresql://me@host/answers").out) == rows
    assert run("judge-weights", "--forget", people[0].user, "--json").out.strip() == "[]"
