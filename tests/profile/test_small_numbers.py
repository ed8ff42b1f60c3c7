"""No percentage about one person below what is calibrated: at every place that shows or exports a person.

The files of `old/` were written by version 0.1 and say "87% sure" after two choices; what is read from them says it
nowhere, and neither does anything that is made of few choices today.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from command_line import Run, rows

from personalrm import SynthesizeMe
from personalrm.bench.report.evidence import Evidence, Learned
from personalrm.bench.report.examples import personas
from personalrm.models.judges.synthesizeme import learned
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.gain import GainPrior
from personalrm.preferences import Preference
from personalrm.profile.file import load, parse, save
from personalrm.profile.small_numbers import FEWEST_GROUPS, FEWEST_PEOPLE, calibrated, people_behind
from personalrm.service.pages.rendering import _environment

OLD = Path(__file__).parent / "old"
FILES = ("judge", "judge-paper", "traits", "traits-population", "trained")
PERCENT = re.compile(r"(?<!95 )(?<!95)(\d ?%|per cent)")
"""A percentage; "95 %" is the level of an interval."""


def _told(text: str) -> list[str]:
    return [text[max(0, found.start() - 40) : found.end()] for found in PERCENT.finditer(text.replace("95 %", ""))]


@pytest.mark.parametrize("name", FILES)
def test_an_old_profile_is_read_without_its_percentage(name: str) -> None:
    record = json.loads((OLD / f"{name}.json").read_text())
    profile = parse(record, name)
    assert profile.fallback.confidence is None
    assert not _told(profile.fallback.reason)
    assert profile.fallback.reason  # what was measured is still said
    assert ("log loss" in profile.fallback.reason) == ("log loss" in record["fallback"]["reason"])
    assert not _told(f"{profile!r}{profile._repr_html_()}{SynthesizeMe.load(OLD / f'{name}.json')!r}")
    judged = {"persona": "", **learned(profile, "persona")}
    card = Learned("best", "ada", 2, 0.5, 2, judged)
    assert not _told(repr(personas(Evidence(personas={"x": [card]}))))


@pytest.mark.parametrize("sure", [0.94, 1.0])
def test_a_report_of_an_older_run_does_not_say_how_sure_it_was(sure: float) -> None:
    judged = {"arm": "persona", "confidence": sure, "persona": "Likes short answers.", "claims": []}
    card = Learned("best", "ada", 2, 0.5, 2, judged)
    assert not _told(repr(personas(Evidence(personas={"x": [card]}))))


def test_a_profile_of_today_keeps_what_is_calibrated_and_loses_what_is_not(tmp_path: Path) -> None:
    profile = TraitsModel.shipped().fit(load(OLD / "traits.json").history).profile()
    told = replace(profile.fallback, confidence=0.62, reason="It helps. Of people like this, 62% are predicted better.")
    enough = replace(profile, fallback=told)
    assert len({one.group for one in profile.history.decided}) >= FEWEST_GROUPS
    assert people_behind(profile) >= FEWEST_PEOPLE
    save(enough, tmp_path / "enough.json")
    assert load(tmp_path / "enough.json") == enough
    history = enough.history.only(enough.history.choices[:4])
    few = replace(enough, history=history, persona=None, demonstrations=(), training=(), validation=())
    for one in (calibrated(few), parse(orjson.loads(orjson.dumps(few)), "x")):  # the store and tables read so too
        assert one.fallback.confidence is None
        assert one.fallback.reason.startswith("It helps.")
        assert not _told(one.fallback.reason)
    for name in ("judge", "trained", "traits"):  # no people's gains are behind them
        assert calibrated(replace(load(OLD / f"{name}.json"), fallback=told)).fallback.confidence is None


@pytest.mark.parametrize("people", [35, 99, 100, 400])
def test_a_percentage_needs_a_hundred_other_people(people: int) -> None:
    """When it is written as well as when it is read."""
    model = TraitsModel.shipped()
    gain = GainPrior(tuple(replace(at, people=people) for at in model.prior.gain.at))
    model = replace(model, prior=replace(model.prior, gain=gain))
    profile = model.fit(load(OLD / "traits.json").history).profile()
    known = people >= FEWEST_PEOPLE
    assert (profile.fallback.confidence is not None) == known
    assert bool(_told(profile.fallback.reason)) == known
    told = replace(profile.fallback, confidence=0.62, reason="Of people like this, 62% are predicted better.")
    read = parse(orjson.loads(orjson.dumps(replace(profile, fallback=told))), "x")
    assert (read.fallback.confidence is not None) == known
    assert bool(_told(read.fallback.reason)) == known


@pytest.mark.parametrize("gain", [None, [], [{}], [{"people": "many"}], [{"people": float("inf")}], 3])
def test_a_damaged_prior_has_nobody_behind_it(gain: object) -> None:
    profile = TraitsModel.shipped().fit(load(OLD / "traits.json").history).profile()
    assert profile.traits is not None
    prior: Any = profile.traits.state["prior"]
    state = {**profile.traits.state, "prior": {**prior, "gain": gain}}
    assert people_behind(replace(profile, engine=replace(profile.traits, state=state))) == 0


@pytest.mark.parametrize(
    "words",
    [
        ("persona", "OLD"),
        ("diagnose", "OLD", "LATER"),
        ("diagnose", "OLD", "LATER", "--json"),
        ("evaluate", "OLD", "LATER"),
        ("evaluate", "OLD", "LATER", "--json"),
        ("compare", "OLD", "--prompt", "Hi", "--a", "Yes.", "--b", "No, not at all."),
        ("rank", "OLD", "--prompt", "Hi", "--response", "Yes.", "--response", "No, not at all."),
        ("next-question", "OLD", "LATER"),
        ("next-question", "OLD", "LATER", "--json"),
        ("export", "OLD", "--as", "judge-prompt"),
        ("export", "OLD", "--as", "generation-prompt"),
        ("fit", "FEW"),
        ("fit", "FEW", "--out", "NEW"),
        ("update", "OLD", "LATER", "--out", "NEW"),
    ],
    ids=" ".join,
)
def test_no_command_tells_a_percentage_of_few_choices(words: tuple[str, ...], run: Run, tmp_path: Path) -> None:
    def pair(number: int) -> dict[str, str]:
        return {"prompt": f"Question {number}?", "chosen": "Yes.", "rejected": f"It depends on {number} things."}

    places: dict[str, Callable[[], Path]] = {
        "OLD": lambda: OLD / "traits.json",
        "LATER": lambda: rows(tmp_path / "later.jsonl", *(pair(number) for number in range(2))),
        "FEW": lambda: rows(tmp_path / "few.jsonl", *(pair(number) for number in range(4))),
        "NEW": lambda: tmp_path / "new.json",
    }
    done = run(*(places[word]() if word in places else word for word in words))
    assert done.code == 0, done.err
    assert not _told(done.out), done.out
    if (tmp_path / "new.json").exists():
        new = load(tmp_path / "new.json")
        assert words[0] == "update" or (new.fallback.confidence is None and not _told(new.fallback.reason))


def test_the_service_s_pages_tell_none_of_few_conversations() -> None:
    template = _environment().from_string(
        "{% from 'choice.html' import quality, effect %}{{ quality(quality_) }}|{{ effect(effect_) }}"
    )
    few = {"choices": 3, "conversations": 3, "accuracy": 2 / 3, "low": None, "high": None, "longer": 1.0}
    choice = Preference(context="Hi", chosen="Yes.", rejected="No.")
    change = {"choices": 2, "flipped": 1, "change": 0.1, "most": (choice, 0.4, 0.6)}
    assert not _told(template.render(quality_=few, effect_=change))
    enough = {**few, "choices": 9, "conversations": 6, "low": 0.3, "high": 0.9}
    assert "67 %" in template.render(quality_=enough, effect_=change)
