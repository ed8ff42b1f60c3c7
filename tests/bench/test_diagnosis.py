"""Each known failure is named where it is made on purpose, and not where it is absent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import orjson
from facts import tells

from personalrm.bench.diagnosis import Symptom, diagnose
from personalrm.llm.endpoint import Completion, SamplingParams
from personalrm.models.traits import TraitsModel
from personalrm.preferences import History, Message, Preference
from personalrm.profile.options import Options
from personalrm.profile.records import Claim, Persona, Profile
from personalrm.synthesis.fitting import fit

Rule = Callable[[str], bool]
WORDS = ("egg", "water", "pan", "salt", "six", "minutes", "boil", "cold", "peel", "cup")


class Model:
    """Prefers by the rules; ``reads`` what a persona does to its verdicts, ``foresees`` what it reasons blindly."""

    model = "scripted"

    def __init__(self, plain: Rule, reads: Rule | None = None, foresees: Rule | None = None) -> None:
        self.plain, self.reads, self.foresees = plain, reads or plain, foresees or plain

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        prompt = messages[-1].content
        title = (params.schema or {}).get("title")
        if title == "persona":
            claims = [{"claim": "Likes it long", "for": [1, 2], "against": []}]
            return Completion(orjson.dumps({"summary": "Likes long answers.", "claims": claims}).decode())
        pair = prompt.rpartition("<pair>")[2]
        first = pair.partition("<response_a>")[2].partition("</response_a>")[0]
        rule = self.foresees if title == "reasoning" else self.reads if "<persona>" in prompt else self.plain
        side = "A" if rule(first) else "B"
        if title == "reasoning":
            answer = {"speculations": [], "reasoning": "It is the one they would like more.", "preference": side}
            return Completion(orjson.dumps(answer).decode())
        return Completion(side)

    async def aclose(self) -> None:
        """Nothing is open."""


def long(response: str) -> bool:
    return "long" in response


def short(response: str) -> bool:
    return "long" not in response


def always(response: str) -> bool:
    return True


def ada(start: int, count: int) -> History:
    return History("ada", tuple(_choice(number) for number in range(start, start + count)))


def _choice(number: int) -> Preference:
    asked = (Message("user", f"Question {number}?"),)
    return Preference(f"c{number}", "ada", f"g{number}", asked, f"A long answer {number}.", f"Brief {number}.")


async def fitted(model: Model, count: int = 12) -> Profile:
    return await fit(model, ada(0, count), Options())


async def shown(profile: Profile, model: Model | None, fresh: History | None = None) -> dict[str, Symptom]:
    return {one.name: one for one in await diagnose(profile, fresh or ada(100, 10), model) if one.shown}


async def test_a_profile_that_helps_has_no_known_failure() -> None:
    model = Model(short, reads=long, foresees=long)
    profile = await fitted(model)
    found = await diagnose(profile, ada(100, 10), model)
    assert {one.name for one in found} == {
        "no new choices",
        "changed taste",
        "no usable answers",
        "position bias",
        "too few choices",
        "contradictory choices",
        "over-filtering",
        "under-filtering",
        "poor persona",
        "persona and prompt misaligned",
        "persona and demonstrations disagree",
    }
    assert not any(one.shown for one in found)


async def test_too_few_choices() -> None:
    model = Model(long)
    found = await shown(await fitted(model, 4), model)
    assert tells(found["too few choices"].measured, 3, 5, 1)


async def test_choices_that_contradict_each_other_and_their_claims() -> None:
    model = Model(short, reads=long, foresees=long)
    profile = await fitted(model)
    first = profile.history.choices[0]
    turned = replace(first.flipped(), id="turned", group="other")
    found = await shown(replace(profile, history=profile.history.only([*profile.history, turned])), model)
    assert found["contradictory choices"].measured.startswith("1 pair")
    assert profile.persona is not None
    torn = Persona("Torn.", (Claim("Likes it", ("c0", "c1"), ("c2", "c3")),))
    found = await shown(replace(profile, persona=torn), model)
    assert "2 of the 4 choices cited" in found["contradictory choices"].measured


async def test_over_filtering() -> None:
    model = Model(long, foresees=short)
    found = await shown(await fitted(model), model)
    assert found["over-filtering"].measured.startswith("0 of 8")


async def test_under_filtering_is_seen_by_asking_in_the_other_order() -> None:
    model = Model(long, foresees=always)
    profile = await fitted(model)
    verified = sum(one.verified for one in profile.reasonings)
    assert verified > 0
    found = await shown(profile, model)
    assert found["under-filtering"].measured.startswith(f"{verified} of {verified}")


async def test_a_poor_persona_and_a_judge_that_ignores_one() -> None:
    poor = Model(long, reads=short)
    found = await shown(await fitted(poor), poor)
    assert "log loss" in found["poor persona"].measured
    assert "persona and demonstrations disagree" in found
    assert "persona and prompt misaligned" not in found
    deaf = Model(long)
    found = await shown(await fitted(deaf), deaf)
    assert tells(found["persona and prompt misaligned"].measured, "0 of 10")
    assert "poor persona" not in found


async def test_what_was_learned_from_is_no_test_and_without_a_model_less_is_known() -> None:
    model = Model(long, reads=short)
    profile = await fitted(model)
    by_name = {one.name: one for one in await diagnose(profile, profile.history, model)}
    assert by_name["poor persona"].shown is None
    assert by_name["no new choices"].shown
    assert tells(by_name["no new choices"].measured, "0 new choices", 12)
    names = [one.name for one in await diagnose(profile, ada(100, 5))]
    assert names == ["no new choices", "too few choices", "contradictory choices"]


async def test_a_judge_that_was_personalised_for_a_taste_that_has_changed() -> None:
    model = Model(short, reads=long, foresees=long)
    profile = await fitted(model)
    assert profile.fallback.chosen != "default"
    turned = History("ada", tuple(one.flipped() for one in ada(100, 10)))
    assert tells((await shown(profile, model, turned))["changed taste"].measured, "10 new choices", "log loss")
    assert "changed taste" not in await shown(profile, model)
    assert "changed taste" not in await shown(profile, model, turned.only(turned.choices[:4]))  # four can be chance


async def test_weights_of_a_taste_that_has_changed() -> None:
    rng = np.random.default_rng(0)

    def some(user: str, start: int, count: int) -> History:
        """Prefers many bullets to few words."""
        bullets = ["\n".join(f"- {word}" for word in rng.choice(WORDS, 8)) for _ in range(count)]
        plain = [" ".join(rng.choice(WORDS, 12)) + "." for _ in range(count)]
        return History(
            user,
            tuple(
                Preference(f"b{start + at}", user, f"h{start + at}", (Message("user", f"Why {at}?"),), one, other)
                for at, (one, other) in enumerate(zip(bullets, plain, strict=True))
            ),
        )

    profile = TraitsModel.shipped().fit(some("ada", 0, 14)).profile()
    assert profile.fallback.chosen == "persona"
    later = some("ada", 50, 12)
    turned = History("ada", tuple(one.flipped() for one in later))
    assert "changed taste" not in {one.name for one in await diagnose(profile, later) if one.shown}
    found = {one.name: one for one in await diagnose(profile, turned) if one.shown}
    assert tells(found["changed taste"].measured, "12 new choices", "own weights")
    nothing = {one.name: one.shown for one in await diagnose(profile, profile.history)}
    assert nothing["no new choices"]
    assert nothing["changed taste"] is None


async def test_what_is_shown_comes_first() -> None:
    model = Model(long, reads=short)
    order = [one.shown for one in await diagnose(await fitted(model), ada(100, 10), model)]
    assert order == sorted(order, key=lambda one: (one is not True, one is None))
