"""The study ``stated``: does a persona match the user's stated preferences, and which predicts choices better?

A persona is learned from choices alone. A model then sees it with two statements, the user's own and another person's,
in both orders, and says which one fits. Every statement is used equally often as the own one and as the other person's,
so a model that ignores the persona is right in half of the cases.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from personalrm import prompts
from personalrm.bench.charts import Dots, Point, Series
from personalrm.bench.results import BenchResult
from personalrm.bench.studies.lab import Record, StudyContext, TableRecord, caveats, settings_of
from personalrm.bench.studies.wording import points, verdict
from personalrm.errors import DataError, NotEnoughChoices, UnusableResponse
from personalrm.llm.endpoint import Endpoint, SamplingParams
from personalrm.llm.gather import bounded_map, gather_pair
from personalrm.models.judges.stated import statement
from personalrm.preferences import History, Message
from personalrm.privacy import refuse_mixing
from personalrm.profile.options import Options
from personalrm.stats.intervals import interval
from personalrm.stats.metrics import correctness
from personalrm.synthesis import rendering
from personalrm.synthesis.fitting import AT_ONCE, fit
from personalrm.synthesis.judging import TOKEN_ANSWER, JudgeContext, ask_order, combine, read_probability
from personalrm.synthesis.persona import persona_text

QUESTION = "Does the persona match what the person says they want, and which of the two predicts their choices?"
MIXING = "the study 'stated' shows a model a person's persona beside another person's statement"
STRANGERS = 4
"""Number of other people's statements that each user's own statement is compared with."""
METHODS = ("default", "stated", "synthesizeme:persona")
_ASKED = Message("user", "Tell me about yourself, and about what you want from an answer.")


@dataclass(frozen=True, slots=True)
class Match:
    """Probability of a user's own statement against each other person's; empty for a user without a persona."""

    user: str
    probabilities: tuple[float | None, ...]


async def study(lab: StudyContext) -> Record:
    """Match statements with personas, and predict choices from each of the two; users without a statement are left out.

    Raises:
        PrivacyRefused: in a private context, before any call.
        DataError: fewer than two users have stated preferences.
    """
    refuse_mixing(MIXING, private=lab.private)
    models = lab.languages()
    said = {one.user: text for one in lab.people() if (text := statement(one))}
    if len(said) < 2:
        raise DataError("this study needs at least two people with stated preferences (field `stated` in the data)")

    def with_statement() -> Iterator[History]:
        return (one for one in lab.people() if one.user in said)

    result = await lab.run("stated", METHODS, "context-target", people=with_statement)
    rows, reading, series = [], [], []
    for model in models:
        matching = _matching(model, lab, said)
        found = [one async for one in bounded_map(matching, with_statement(), AT_ONCE)]
        row, sentence, dots = _matched(model.model, found, lab.seed)
        rows.append(row)
        reading.append(sentence)
        series += dots
    columns = ("model", "own statement found", "95 % interval", "people with a persona", "people without", "unscored")
    return Record(
        "stated",
        QUESTION,
        (*reading, *_predicting(result), *caveats(result)),
        (
            TableRecord("Own statement against another person's", columns, tuple(rows)),
            TableRecord(
                "Choices predicted from persona or statement",
                ("method", "model", "accuracy", "95 % interval", "pairs"),
                tuple(
                    (one.name, one.model, one.accuracy, (one.low, one.high), one.pairs)
                    for one in result.row_of.values()
                ),
            ),
        ),
        (Dots("Own statement found by the persona", "share of comparisons", tuple(series), reference=0.5),)
        if series
        else (),
        settings_of(lab, result, strangers=min(STRANGERS, len(said) - 1), people=len(said)),
    )


def strangers(user: str, said: dict[str, str]) -> list[str]:
    """The next `STRANGERS` users in the data, cyclically, so that every statement is used equally often."""
    users = list(said)
    at = users.index(user)
    return [users[(at + step) % len(users)] for step in range(1, min(STRANGERS, len(users) - 1) + 1)]


def _matching(
    model: Endpoint, lab: StudyContext, said: dict[str, str]
) -> Callable[[History], Coroutine[Any, Any, Match]]:
    async def one(history: History) -> Match:
        try:
            profile = await fit(model, history, lab.options)
        except (NotEnoughChoices, UnusableResponse):
            return Match(history.user, ())
        if profile.persona is None:
            return Match(history.user, ())
        persona, own = persona_text(profile.persona), said[history.user]
        found = [
            await match(model, persona, own, said[other], lab.options, lab.private)
            for other in strangers(history.user, said)
        ]
        return Match(history.user, tuple(found))

    return one


async def match(
    model: Endpoint, persona: str, own: str, other: str, options: Options, private: bool = False
) -> float | None:
    """Probability that the own statement fits the persona better, both orders combined; None if unreadable.

    Raises:
        PrivacyRefused: with ``private``, or where the environment forbids mixing.
    """
    refuse_mixing(MIXING, private=private)

    def messages(first: str, second: str) -> list[Message]:
        pair = rendering.pair((_ASKED,), first, second)
        asked = f"{JudgeContext(persona=persona, seed=options.seed).text}{pair}\n\n{prompts.load('stated')}"
        return [Message("system", prompts.load("system")), Message("user", asked)]

    params = SamplingParams(TOKEN_ANSWER, logprobs=20)
    orders = await gather_pair(
        ask_order(model, messages(own, other), params, read_probability),
        ask_order(model, messages(other, own), params, read_probability),
    )
    return combine(*orders).probability


def _matched(model: str, found: list[Match], seed: int) -> tuple[tuple[object, ...], str, list[Series]]:
    """Table row, summary sentence and chart series of one model."""
    known = sorted((one for one in found if one.probabilities), key=lambda one: one.user)
    values = correctness(np.array([p for one in known for p in one.probabilities], dtype=np.float64))
    people = np.repeat(np.arange(len(known)), [len(one.probabilities) for one in known])
    without, unscored = len(found) - len(known), int(np.isnan(values).sum())
    if not len(values) or np.isnan(values).all():
        return (model, None, None, len(known), without, unscored), f"{model}: no user has a persona to match.", []
    share = float(np.nanmean(values))
    low, high = interval(values, people, seed) or (None, None)
    if low is None or high is None:
        what = "too few people to tell this from chance"
    elif low > 0.5:
        what = "more than chance: personas match what people say"
    elif high < 0.5:
        what = "less than chance: personas contradict what people say"
    else:
        what = "not shown to differ from chance (0.5)"
    within = "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
    sentence = f"{model} matches the persona to the own statement in {share:.2f}{within} of the comparisons: {what}."
    row = (model, share, (low, high), len(known), without, unscored)
    return row, sentence, [Series(model, (Point(0.0, share, low, high),))]


def _predicting(result: BenchResult) -> list[str]:
    """Summary sentences: predictions from the learned persona against predictions from the statement."""
    found = []
    for model in dict.fromkeys(one.entry.model for one in result.methods):
        stated, induced = result.label("stated", model), result.label("synthesizeme:persona", model)
        if stated is None or induced is None:
            continue
        effect = result.effect(induced, stated)
        if effect is not None:
            what = verdict(effect, "differs from", "is not shown to differ from")
            found.append(
                f"{model}: predicting from the persona {what} predicting from the person's statement, {points(effect)}."
            )
    return found
