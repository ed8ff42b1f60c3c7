"""Analysis of the human study: ratings of a participant's own persona against a stranger's and a generic one.

The unit is the participant: mean rating of the claims of the own persona minus that of the other persona. The test is
a paired permutation test over participants, with Holm's correction over both comparisons.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from personalrm.bench.studies.human.material import ARMS, Statement
from personalrm.bench.studies.human.protocol import COMPARISONS, Protocol
from personalrm.stats.intervals import Floats, Paired, holm, paired
from personalrm.stats.power import detectable_effect


class Rated(NamedTuple):
    """A participant who has finished: the claims in the order shown, and their ratings."""

    code: str
    statements: Sequence[Statement]
    ratings: Sequence[int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of the own persona with another one.

    Attributes:
        other: ``stranger`` or ``generic``.
        test: difference of mean ratings, its 95 % interval and p, over participants.
        p: after Holm's correction.
        effect: the difference in standard deviations between participants; None if there is no variation.
    """

    other: str
    test: Paired
    p: float
    effect: float | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """Results of the human study.

    Attributes:
        simulated: whether the participants are simulated; the results then say nothing about people.
        planned: number of participants in the protocol. begun, finished: actual numbers.
        detectable: effect size that this number of participants detects with a power of 80 %.
        means: mean rating of each persona's claims, over participants.
        shared: share of rated claims that belong to several of a participant's three personas.
        comparisons: own against stranger's, own against generic; empty without participants.
        claims: for each claim, the number of ratings and the mean rating by persona.
        rows: one for each rating: code, position, claim, personas, rating.
    """

    simulated: bool
    planned: int
    begun: int
    finished: int
    detectable: float | None
    means: dict[str, float]
    shared: float
    comparisons: tuple[Comparison, ...]
    claims: tuple[dict[str, Any], ...]
    rows: tuple[dict[str, Any], ...]

    def as_json(self) -> dict[str, Any]:
        """The analysis as JSON values."""
        return asdict(self)

    def as_csv(self) -> bytes:
        """Every rating, one per line."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["participant", "place", "claim", "personas", "rating", "simulated"])
        for row in self.rows:
            values = [row["participant"], row["place"], row["claim"], " ".join(row["personas"]), row["rating"]]
            writer.writerow([*values, self.simulated])
        return text.getvalue().encode()


def analyse(rated: Sequence[Rated], begun: int, protocol: Protocol) -> Analysis:
    """Analyse the ratings of the participants who have finished; ``begun`` is the number who have started."""
    means: dict[str, Floats] = {arm: np.array([_mean(one, arm) for one in rated], dtype=float) for arm in ARMS}
    rows: tuple[dict[str, Any], ...] = tuple(
        {"participant": one.code, "place": at + 1, "claim": said.text, "personas": list(said.arms), "rating": value}
        for one in rated
        for at, (said, value) in enumerate(zip(one.statements, one.ratings, strict=True))
    )
    return Analysis(
        simulated=protocol.simulated,
        planned=protocol.planned,
        begun=begun,
        finished=len(rated),
        detectable=detectable_effect(len(rated), COMPARISONS),
        means={arm: float(values.mean()) for arm, values in means.items() if len(values)},
        shared=float(np.mean([len(row["personas"]) > 1 for row in rows])) if rows else 0.0,
        comparisons=_compared(means),
        claims=_by_claim(rows),
        rows=rows,
    )


def _mean(one: Rated, arm: str) -> float:
    values = [value for said, value in zip(one.statements, one.ratings, strict=True) if arm in said.arms]
    return float(np.mean(values))


def _compared(means: Mapping[str, Floats]) -> tuple[Comparison, ...]:
    own = means["own"]
    others = [arm for arm in ARMS if arm != "own"]
    tests = [paired(own, means[arm], np.arange(len(own))) for arm in others]
    made = [one for one in tests if one is not None]
    if not made:
        return ()
    found = []
    for arm, test, p in zip(others, made, holm([one.p for one in made]), strict=True):
        apart = own - means[arm]
        deviation = float(apart.std(ddof=1)) if len(apart) > 1 else 0.0
        found.append(Comparison(arm, test, p, test.difference / deviation if deviation else None))
    return tuple(found)


def _by_claim(rows: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    found: dict[str, dict[str, list[int]]] = {}
    for row in rows:
        for arm in row["personas"]:
            found.setdefault(row["claim"], {}).setdefault(arm, []).append(row["rating"])
    return tuple(
        {
            "claim": claim,
            "rated": sum(row["claim"] == claim for row in rows),
            "means": {arm: float(np.mean(each)) for arm, each in by_arm.items()},
        }
        for claim, by_arm in sorted(found.items())
    )
