"""Do a person's stated reasons for earlier choices help to predict the next one? On UKP's arguments.

    PERSONALRM_REAL_DATA=DIR python benchmarks/reasons.py [--people 100] [--seed 0]

New people, five folds by person; each group is predicted from the person's other groups by traits (ℓ). Two features of
the reasons of these *other* groups are added to ℓ, each with weights learned on the people of the other folds:

* *words*: the TF-IDF cosine of all reasons with the chosen response minus that with the rejected one;
* *tastes*: how often the reasons mention a kind of quality (`TASTES`), relative to other people, times the difference
  of the pair in every personal trait; ridge.

The weights are those of a logistic regression with offset ℓ; differences are paired by person.
"""

from __future__ import annotations

import argparse
import math
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from common import real_data
from personalrm.data.reading import read_people
from personalrm.data.splits import folds_by_person
from personalrm.models.fusion.weights import log_odds
from personalrm.models.traits import TraitsModel, leave_group_out
from personalrm.models.traits.reader import TraitReader
from personalrm.preferences import History, Preference
from personalrm.stats.intervals import holm, paired

Array = NDArray[np.float64]
FOLDS = 5
TASTES = {
    "detail and length": r"detail|thorough|long|more (?:info|points|reason)|elaborat|in depth|complete",
    "brevity": r"short|concise|brief|to the point|simple|succinct",
    "reasons and logic": r"logic|reason|because|argument|sense|explain|makes? a point|valid",
    "evidence": r"evidence|fact|proof|example|source|statistic|cite|research|data",
    "language": r"grammar|spelling|written|articulat|eloquent|clear|coheren|understand|readab|punctuat",
    "tone": r"emotion|tone|respect|rude|polite|offens|insult|passion|opinion|personal|bias",
    "relevance": r"topic|relevan|address|question|issue|focus",
}
RIDGE_WORDS, RIDGE_TASTES = 1.0, 300.0
_WORD = re.compile(r"[a-z']{3,}")


def words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.lower()))


def vector(counts: Mapping[str, int], rarity: Mapping[str, float]) -> dict[str, float]:
    """TF-IDF vector of unit length."""
    found = {word: (1 + math.log(count)) * rarity.get(word, 0.0) for word, count in counts.items()}
    length = math.sqrt(sum(one * one for one in found.values())) or 1.0
    return {word: one / length for word, one in found.items()}


def cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum(weight * one.get(word, 0.0) for word, weight in other.items())


def stated(choices: Sequence[Preference]) -> Array:
    """Share of the reasons that mention each of TASTES (7,), shrunk by two reasons."""
    said = [one.reason.lower() for one in choices if one.reason]
    return np.array([sum(bool(re.search(p, one)) for one in said) / (len(said) + 2) for p in TASTES.values()])


def features(one: History, rarity: Mapping[str, float], usual: Array, traits: Array) -> tuple[Array, Array]:
    """For each decided choice: the feature *words* (n, 1) and the features *tastes* (n, 7 p)."""
    decided = one.decided
    similar, tastes = np.zeros((len(decided), 1)), np.zeros((len(decided), len(TASTES) * traits.shape[1]))
    for group in {each.group for each in decided}:
        others = [each for each in decided if each.group != group]
        told: Counter[str] = sum((words(each.reason or "") for each in others), Counter())
        about, mine = vector(told, rarity), stated(others) - usual
        for row, each in enumerate(decided):
            if each.group == group:
                sides = (cosine(about, vector(words(text), rarity)) for text in (each.chosen, each.rejected))
                similar[row] = next(sides) - next(sides)
                tastes[row] = np.outer(mine, traits[row]).ravel()
    return similar, tastes


def logistic(offset: Array, x: Array, ridge: float) -> Array:
    """Weights (k,) of a ridge-regularised logistic regression of "chosen" with an offset, by Newton's method."""
    w = np.zeros(x.shape[1])
    for _ in range(8):
        p = 1 / (1 + np.exp(offset + x @ w))
        hessian = (x.T * (p * (1 - p))) @ x + ridge * np.eye(len(w))
        w = w + np.linalg.solve(hessian, x.T @ p - ridge * w)
    return w


def main() -> None:
    """Print one line per feature."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    everybody = [one for one in read_people(real_data() / "ukp.jsonl.gz") if len(one.decided) > 1]
    drawn = np.random.default_rng(given.seed).permutation(len(everybody))[: given.people]
    people = [everybody[at] for at in sorted(drawn)]
    fold = folds_by_person((one.user for one in people), FOLDS, given.seed)
    seen = Counter(word for one in people for each in one.decided for word in words(f"{each.chosen} {each.rejected}"))
    total = sum(len(one.decided) for one in people)
    rarity = {word: math.log((1 + total) / (1 + count)) + 1 for word, count in seen.items()}
    usual = np.mean([stated(one.decided) for one in people], axis=0)
    reader = TraitReader(remember=100_000)
    logit: list[Array] = [np.zeros(0)] * len(people)
    traits: list[Array] = [np.zeros(0)] * len(people)
    for number in range(FOLDS):
        rest = [one for one in people if fold[one.user] != number]
        model = TraitsModel.from_population(rest, seed=given.seed, reader=reader, new_texts=False)
        for at, one in enumerate(people):
            if fold[one.user] == number:
                logit[at] = log_odds(leave_group_out(model, one))
                traits[at] = model.evidence(one.decided).t
    made = [features(one, rarity, usual, t) for one, t in zip(people, traits, strict=True)]
    code = np.repeat(np.arange(len(people)), [len(one) for one in logit])
    folds = np.array([fold[one.user] for one in people])[code]
    base = np.concatenate(logit)
    reasons = sum(bool(each.reason) for one in people for each in one.decided)
    print(f"ukp: {len(people)} people, {len(base):,} pairs, {reasons:,} reasons; traits {(base > 0).mean():.4f}, "
          f"{np.logaddexp(0, -base).mean():.4f} nats")  # fmt: skip
    rows = []
    for name, at, ridge in (("words", 0, RIDGE_WORDS), ("tastes", 1, RIDGE_TASTES)):
        x = np.concatenate([one[at] for one in made])
        scale = x.std(axis=0)
        x = x / np.where(scale > 0, scale, 1.0)
        now = base.copy()
        for number in range(FOLDS):
            w = logistic(base[folds != number], x[folds != number], ridge)
            now[folds == number] += x[folds == number] @ w
        hits = paired((now > 0).astype(float), (base > 0).astype(float), code, given.seed)
        nats = paired(np.logaddexp(0, -now), np.logaddexp(0, -base), code, given.seed)
        assert hits is not None
        assert nats is not None
        rows.append((name, (now > 0).mean(), hits, nats))
    corrected = holm([nats.p for *_, nats in rows])
    for (name, accuracy, hits, nats), p in zip(rows, corrected, strict=True):
        print(
            f"  + {name:<8} {accuracy:.4f}  {100 * hits.difference:+.2f} points [{100 * (hits.low or 0):+.2f}, "
            f"{100 * (hits.high or 0):+.2f}] p = {hits.p:.3f};  {nats.difference:+.5f} nats [{nats.low or 0:+.5f}, "
            f"{nats.high or 0:+.5f}] p = {p:.3f} (Holm)"
        )


if __name__ == "__main__":
    main()
