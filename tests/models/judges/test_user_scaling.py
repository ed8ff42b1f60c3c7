"""Several schemes of criteria: samples of the person's own, and those of people of similar taste that name no one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from choices import choice
from command_line import Run, sentence

from personalrm.bench.judges import JudgeMethod
from personalrm.bench.protocols import Question, Task
from personalrm.cli.inputs import methods, shares_schemes
from personalrm.data.simulated import simulate_people
from personalrm.errors import DataError, PrivacyRefused
from personalrm.llm.endpoint import Completion, SamplingParams
from personalrm.models.from_population import Recipe
from personalrm.models.judges.neighbours import Neighbourhood
from personalrm.models.judges.rubric import Criterion, averaged
from personalrm.models.judges.user_scaling import names_no_one, scaled
from personalrm.models.registry import judge_named
from personalrm.models.traits import TraitsModel
from personalrm.preferences import History, Message
from personalrm.profile.options import Options
from personalrm.synthesis.judging import Judgement, OrderVerdict, combine

CONTEXT = (Message("user", "How do I boil an egg?"),)
PAIR = (CONTEXT, "Six minutes.", "It depends.")


class Model:
    """Writes criteria by a rule over (prompt, sample); scores by which response stands first; keeps the prompts."""

    model = "scripted"

    def __init__(self, criterion: Callable[[str, int], str], points: Callable[[str], float] = lambda told: 4.0) -> None:
        self.asked: list[tuple[str, SamplingParams]] = []
        self._criterion, self._points = criterion, points

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        prompt = messages[-1].content
        self.asked.append((prompt, params))
        if (params.schema or {})["title"] == "rubric":
            text = self._criterion(prompt, params.sample)
            return Completion(json.dumps({"criteria": [{"criterion": text, "weight": 2}]} if text else {}))
        ahead = self._points(prompt.partition("<rubric>")[2].partition("</rubric>")[0])
        sign = 1 if "<response_a>Six" in prompt else -1
        scores = [{"criterion": 1, "a": 5 + sign * ahead / 2, "b": 5 - sign * ahead / 2}]
        return Completion(json.dumps({"scores": scores}), prompt_tokens=7, cost=0.5)

    async def aclose(self) -> None:
        """Nothing is open."""

    def prompts(self, title: str) -> list[str]:
        return [prompt for prompt, params in self.asked if (params.schema or {})["title"] == title]


def person(user: str, about: str = "gardens", count: int = 6) -> History:
    return History(user, tuple(choice(n, f"{about} short {n}.", f"{about} long {n}.", user=user) for n in range(count)))


async def test_so_many_schemes_are_sampled_and_their_log_odds_averaged() -> None:
    """Of leads of 4, 2 and 2 points the mean counts; equal schemes are asked once and count twice."""
    model = Model(
        lambda prompt, sample: "Is brief." if sample else "Is kind.", lambda told: 4.0 if "kind" in told else 2.0
    )
    judged = await (await judge_named("rubric:m=3")(model, person("ada"), Options())).judge(*PAIR)
    wanted = [params for _, params in model.asked if (params.schema or {})["title"] == "rubric"]
    assert [(one.sample, one.temperature) for one in wanted] == [(0, 0.0), (1, 0.8), (2, 0.8)]
    assert len(model.prompts("scores")) == 4
    assert judged.probability == pytest.approx(1 / (1 + np.exp(-0.8 * (4 + 2 + 2) / 3)))
    assert len(judged.orders) == 2
    assert [one.completion.prompt_tokens for one in judged.orders] == [14, 14]
    assert [one.completion.cost for one in judged.orders] == [1.0, 1.0]


async def test_one_scheme_is_the_plain_rubric_judge_and_shares_its_calls() -> None:
    plain, one = Model(lambda prompt, sample: "Is brief."), Model(lambda prompt, sample: "Is brief.")
    first = await (await judge_named("rubric")(plain, person("ada"), Options())).judge(*PAIR)
    second = await (await judge_named("rubric:m=1")(one, person("ada"), Options())).judge(*PAIR)
    assert first.probability == second.probability
    assert plain.asked == one.asked


def test_schemes_that_cannot_be_read_are_left_out_and_without_any_the_pair_is_unscored() -> None:
    def order(probability: float | None) -> OrderVerdict:
        return OrderVerdict(probability, "", None if probability else "no scores", Completion("", prompt_tokens=3))

    good, bad = combine(order(0.8), order(0.2)), combine(order(0.9), order(None))
    assert averaged([good, bad], [1, 5]).probability == pytest.approx(0.8)
    assert averaged([good, bad], [1, 1]).orders[0].completion.prompt_tokens == 6
    none = averaged([bad, bad], [1, 1])
    assert (none.probability, none.unscored) == (None, "no scores")
    assert isinstance(none, Judgement)


@pytest.mark.parametrize(
    "name", ["rubric:m=0", "rubric:k=3", "rubric:m=x", "rubric:m=8,m=8", "rubric:m=8,", "rubric:m=99"]
)
def test_a_wrong_name_is_said(name: str) -> None:
    with pytest.raises(DataError, match="rubric:m=M,neighbours=N"):
        judge_named(name)


def test_names_of_methods_keep_their_numbers_together() -> None:
    listed = methods("default, rubric:m=8,neighbours=4,traits")
    assert listed == ["default", "rubric:m=8,neighbours=4", "traits"]
    assert "rubric:m=8,neighbours=4" in str(shares_schemes(listed))
    assert shares_schemes(["rubric:m=8", "rubric:m=8,neighbours=0"]) is None


# ----------------------------------------------------------------------------------------------------------- neighbours


def test_the_nearest_are_people_of_the_same_taste() -> None:
    """Simulated people twice over: with another half of the choices each, most are nearest to themselves."""
    people = simulate_people(16, choices=40, seed=3)
    halves = [(one.only(one.choices[::2]), one.only(one.choices[1::2])) for one in people]
    model = TraitsModel.from_population(one for one, _ in halves)
    near = Neighbourhood.of([one for one, _ in halves], model)
    ranks = []
    for known, other in halves:
        found = near._nearest(History(f"{other.user} again", other.choices))
        ranks.append([one.user for one in found].index(known.user))
    assert np.mean(ranks) < 4  # 7.5 by chance
    assert all(one.user != people[0].user for one in near._nearest(halves[0][0]))


@pytest.mark.parametrize(
    "text", ["Says gardens short 3 again.", "Speaks of gardens.", "Is what Maria would write.", "Is what bob says.",
             "Suits someone who is a nurse.", "Fits: see https://x.org."]
)  # fmt: skip
def test_a_scheme_that_quotes_or_names_is_refused(text: str) -> None:
    bob = History(
        "bob", tuple(choice(n, context=(Message("user", f"About gardens short {n} again?"),)) for n in range(3))
    )
    assert not names_no_one((Criterion("Is short and direct.", 1.0), Criterion(text, 1.0)), bob)


def test_a_scheme_in_general_terms_is_not_refused() -> None:
    bob = person("bob")
    assert names_no_one((Criterion("Is short and direct.", 1.0), Criterion("Uses bullet points.", 2.0)), bob)


@pytest.mark.parametrize("how", ["option", "environment"])
def test_private_refuses_neighbours_before_anything_is_read(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    before = ("--private",) if how == "option" else ()
    if how == "environment":
        monkeypatch.setenv("PERSONALRM_PRIVATE", "1")
        with pytest.raises(PrivacyRefused):
            scaled("rubric:m=1,neighbours=2").among([], TraitsModel.shipped())
    asked = ("--methods", "default,rubric:m=2,neighbours=1", "--model", "m", "--base-url", "http://127.0.0.1:9/v1")
    said = sentence(run(*before, "bench", tmp_path / "none.jsonl", *asked))
    assert "rubric:m=2,neighbours=1" in said
    assert "--private" in said


async def test_texts_of_others_reach_no_prompt_of_the_person_and_refused_schemes_neither() -> None:
    """Of four others two write schemes that carry something of theirs; the two others' schemes are taken."""
    others = [person(name, f"{name}word") for name in ("bob", "cyd", "dan", "eve")]
    population = [one.only(replaced(one)) for one in others]

    def written(prompt: str, sample: int) -> str:
        if "<conversation>" in prompt.rpartition("</past_choice>")[2]:
            return "Is kind."
        if "bobword" in prompt or "eveword" in prompt:
            return f"Speaks of {'bobword' if 'bobword' in prompt else 'eveword'}."
        return "Is short and direct." if "cydword" in prompt else "Uses bullet points."

    model = Model(written)
    question = Question("q", "gq", CONTEXT, "Six minutes.", "It depends.", {})
    method = JudgeMethod("rubric:m=2,neighbours=2", model, Options(), personal=True, recipe=Recipe())
    predictor = await method.learn(lambda: population, 0)
    found = await predictor.predict(Task(person("ada", "adaword"), (question,)))
    assert found.learned["neighbours"] == 2
    assert found.answers[0].probability is not None
    words = ("bobword", "cydword", "danword", "eveword")
    for prompt, _ in model.asked:
        holds = {word for word in (*words, "adaword") if word in prompt}
        assert len(holds) <= 1  # nobody's words stand beside another's
        assert not (holds & set(words) and "boil an egg" in prompt)
    scored = "".join(model.prompts("scores"))
    assert all(text in scored for text in ("Is kind.", "Is short and direct.", "Uses bullet points."))
    assert not any(word in scored for word in words)


def replaced(one: History) -> list:  # type: ignore[type-arg]
    """The same choices in conversations that hold the person's word."""
    word = one.choices[0].chosen.split()[0]
    return [choice(n, each.chosen, each.rejected, user=one.user, context=(Message("user", f"What of {word}?"),))
            for n, each in enumerate(one.choices)]  # fmt: skip
