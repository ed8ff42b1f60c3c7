"""Gain of judges combined with traits, on real people with cached verdicts, and accuracy by number of calls.

    PERSONALRM_REAL_DATA=DIR python benchmarks/fusion_calls.py [prism crowdrag] [--protocol new-people-and-new-texts]

For every judge with at least 300 pairs: accuracy and log loss of traits, of the calibrated judge alone (σ(c·v), with c
learned like the weight), and of both fused, on the judge's pairs, with 95 % intervals by person and Holm-corrected
paired tests. Uninformative judges (random, always longer, contrary) are drawn at 50, 100, 300 and all labels. The curve
asks the judge only if |ℓ| < t·b: t = 1 is the engine's rule, t = 0 never asks, and t = ∞ always. The last table has the
reliability of the fused probabilities, asked by that rule, in four parts (`probability_reliability`).

Everything is learned on the people of the other folds (and, with the second protocol, on other texts).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from common import print_table, real_data
from personalrm.bench.plan import Design, make_plan
from personalrm.data.reading import read_people
from personalrm.models.from_population import Populations
from personalrm.models.fusion.out_of_fold import Labelled
from personalrm.models.fusion.weights import Array, JudgeWeight, earned_weight, fused_logit, judge_weight, log_odds
from personalrm.models.traits.fit import sigmoid, softplus
from personalrm.preferences import Preference
from personalrm.stats.intervals import holm, interval, paired
from probability_reliability import ALLOWED, parts_of, reliability
from probability_reliability import Predicted as Stated
from simultaneous import simultaneous

FEWEST, DRAWS = 300, 20
SIZES = (50, 100, 300, 100_000)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0, np.inf)
Verdicts = Callable[[Sequence[Preference]], Array]
"""±1 for each choice, positive if the judge prefers the chosen response; NaN if it has no verdict."""


@dataclass(frozen=True)
class Predicted:
    """All predicted choices: log-odds of the chosen response by traits (n,), population (n,), code of the person
    (n,)."""

    choices: list[Preference]
    logit: Array
    population: Array
    person: Array
    labels: Mapping[int, list[Labelled]]

    def weights(
        self, verdicts: Verdicts, most: int = 10**9, draw: np.random.Generator | None = None
    ) -> Iterator[tuple[Array, JudgeWeight, float]]:
        """For each population: the rows that it predicts, the judge's weight, and that of the judge alone."""
        for number, labels in self.labels.items():
            choices = [one.choice for one in labels]
            v, logit, long = verdicts(choices), np.array([one.logit for one in labels]), longer(choices)
            known = np.flatnonzero(~np.isnan(v))
            if draw is not None and len(known) > most:
                known = draw.choice(known, most, replace=False)
            weight = earned_weight(logit[known], v[known], long[known])
            yield self.population == number, weight, judge_weight(0 * v[known], v[known])


def predict(name: str, protocol: str) -> Predicted:
    """Predict everybody with the traits of the other folds."""
    people = list(read_people(real_data() / f"{name}.jsonl.gz"))
    plan, models = make_plan(lambda: people, Design(protocol=protocol)), Populations()
    new_texts = protocol.endswith("new-texts")
    by_id = {(each.user, one.id): one for each in people for one in each}
    code = {one.user: at for at, one in enumerate(people)}
    choices: list[Preference] = []
    logit: list[float] = []
    population: list[int] = []
    labels: dict[int, list[Labelled]] = {}
    for planned in plan.tasks():
        number, task = planned.population, planned.task

        def others(number: int = number) -> Iterator:  # type: ignore[type-arg]
            return plan.population_of(number)

        labels[number] = models.outside(others, number, 0, new_texts)
        model = models.of(others, number, False, 0, new_texts)
        mine = model.fit(task.history) if len(task.history) else model
        asked = [by_id[task.user, one.id] for one in task.questions]
        choices += asked
        logit += log_odds(mine.compare_many([(one.context, one.chosen, one.rejected) for one in asked])).tolist()
        population += [number] * len(asked)
    person = np.array([code[one.user] for one in choices])
    return Predicted(choices, np.array(logit), np.array(population), person, labels)


def cached(judge: str) -> Verdicts:
    """The cached verdicts in the data."""
    side = {True: 1.0, False: -1.0, None: np.nan}
    return lambda choices: np.array([side[one.judges.get(judge)] for one in choices])


def longer(choices: Sequence[Preference]) -> Array:
    """Always the longer response."""
    return np.array([np.sign(len(one.chosen) - len(one.rejected)) for one in choices], dtype=float)


def right(logit: Array) -> Array:
    """1 for correct, 0 for wrong, 0.5 for exactly even (n,)."""
    return np.where(logit > 0, 1.0, np.where(logit < 0, 0.0, 0.5))


def by_judge(name: str, data: Predicted) -> None:
    """Print the table of the cached judges."""
    judges = sorted({judge for one in data.choices for judge in one.judges})
    rows, tests = [], []
    for judge in judges:
        verdicts = cached(judge)
        v = verdicts(data.choices)
        if (~np.isnan(v)).sum() < FEWEST:
            continue
        both, alone, weights = data.logit.copy(), np.zeros(len(v)), []
        for rows_of, weight, only in data.weights(verdicts):
            both[rows_of] += weight.weight * np.nan_to_num(v[rows_of])
            alone[rows_of] = only * np.nan_to_num(v[rows_of])
            weights.append(weight.weight)
        on = ~np.isnan(v)
        people = data.person[on]
        losses = [softplus(-one[on]) for one in (data.logit, alone, both)]
        hits = [right(one[on]) for one in (data.logit, alone, both)]
        low, high = interval(hits[2], people) or (np.nan, np.nan)
        found = [paired(hits[2], hits[0], people), *(paired(losses[2], one, people) for one in losses[:2])]
        tests.append(found)
        rows.append(
            [
                judge,
                on.sum(),
                f"{np.mean(weights):.2f}",
                *(f"{one.mean():.4f}" for one in hits),
                f"{low:.3f}–{high:.3f}",
                *(f"{one.mean():.4f}" for one in losses),
            ]
        )
    corrected = [holm([one[at].p for one in tests if one[at]]) for at in range(3)]
    for at, row in enumerate(rows):
        row += [
            f"{100 * tests[at][0].difference:+.1f} ({corrected[0][at]:.3f})",
            f"{corrected[1][at]:.3f}",
            f"{corrected[2][at]:.3f}",
        ]
    heads = [
        "judge",
        "pairs",
        "weight",
        "traits",
        "judge",
        "fused",
        "95 %",
        "nats traits",
        "judge",
        "fused",
        "points over traits (p)",
        "p nats traits",
        "p nats judge",
    ]
    print_table(f"{name}: cached judges; p after Holm", heads, rows)
    together(name, data, judges)


def together(name: str, data: Predicted, judges: Sequence[str]) -> None:
    """Print the result of all cached judges together."""
    v = np.stack([cached(one)(data.choices) for one in judges], axis=1)
    both = data.logit.copy()
    found = [list(data.weights(cached(one))) for one in judges]
    for at in range(len(found[0])):
        rows = found[0][at][0]
        both[rows] = fused_logit(data.logit[rows], v[rows], np.array([one[at][1].weight for one in found]))
    test = paired(right(both), right(data.logit), data.person)
    nats = paired(softplus(-both), softplus(-data.logit), data.person)
    assert test is not None
    assert nats is not None
    print(
        f"{name}: all judges together {right(both).mean():.4f} / {softplus(-both).mean():.4f} nats; traits "
        f"{right(data.logit).mean():.4f} / {softplus(-data.logit).mean():.4f}; difference {100 * test.difference:+.2f} "
        f"points [{100 * (test.low or 0):+.2f}, {100 * (test.high or 0):+.2f}] p = {test.p:.4f}, nats p = {nats.p:.4f}"
    )


def useless(name: str, data: Predicted) -> None:
    """Print the mean cost of uninformative judges over draws of the labels, in points of accuracy."""
    first = max({j for one in data.choices for j in one.judges}, key=lambda j: sum(j in o.judges for o in data.choices))
    draw = np.random.default_rng(0)
    kinds: dict[str, Verdicts] = {
        "random": lambda choices: draw.choice([-1.0, 1.0], len(choices)),
        "always longer": longer,
        "always shorter": lambda choices: -longer(choices),
        f"contrary {first}": lambda choices: -cached(first)(choices),
    }
    rows = []
    for kind, verdicts in kinds.items():
        costs: list[str] = []
        for most in SIZES:
            cost = []
            for _ in range(DRAWS if most < 10_000 or kind == "random" else 1):
                both, v = data.logit.copy(), verdicts(data.choices)
                for rows_of, weight, _ in data.weights(verdicts, most, draw):
                    both[rows_of] += weight.weight * np.nan_to_num(v[rows_of])
                cost.append(100 * (right(data.logit) - right(both))[~np.isnan(v)].mean())
            costs.append(f"{np.mean(cost):+.2f}")
        rows.append([kind, *costs])
    print_table(
        f"{name}: points lost to a judge of no use",
        ["judge", *(f"{one} labels" if one < 10_000 else "all" for one in SIZES)],
        rows,
    )


def calls(name: str, data: Predicted) -> None:
    """Print accuracy by the share of pairs on which the judge is asked."""
    judges = sorted({judge for one in data.choices for judge in one.judges})
    rows = []
    for judge in judges:
        v = cached(judge)(data.choices)
        on = ~np.isnan(v)
        if on.sum() < FEWEST:
            continue
        cells = []
        for share in SHARES:
            both, asked = data.logit.copy(), np.zeros(len(v), dtype=bool)
            for rows_of, weight, _ in data.weights(cached(judge)):
                b = weight.weight
                asked |= rows_of & on & (b != 0.0) & (np.abs(data.logit) < (share * abs(b) if b else 0.0))
                both[asked & rows_of] = (data.logit + b * np.nan_to_num(v))[asked & rows_of]
            cells.append(f"{asked[on].mean():.0%} {right(both[on]).mean():.4f}")
        rows.append([judge, *cells])
    print_table(
        f"{name}: share of pairs asked and accuracy, where |ℓ| < t·b",
        ["judge", *(f"t = {one:g}" for one in SHARES)],
        rows,
    )


def reliable(name: str, data: Predicted) -> None:
    """Print whether the fused probabilities are true, with each judge asked where |ℓ| < b."""
    number = {group: at for at, group in enumerate(sorted({one.group for one in data.choices}))}
    text = np.array([number[one.group] for one in data.choices])
    rows, cells = [], []
    for judge in sorted({judge for one in data.choices for judge in one.judges}):
        v = cached(judge)(data.choices)
        on = ~np.isnan(v)
        if on.sum() < FEWEST:
            continue
        both = data.logit.copy()
        for rows_of, weight, _ in data.weights(cached(judge)):
            asked = rows_of & on & (np.abs(data.logit) < abs(weight.weight))
            both[asked] += weight.weight * v[asked]
        some = [
            Stated(int(who), 0, sigmoid(both[on & (data.person == who)]), text[on & (data.person == who)])
            for who in np.unique(data.person[on])
        ]
        rows.append((judge, *reliability(some, 1)[1]))
        cells += parts_of(some, 1)
    heads = ("judge", "people", "pairs", "stated", "came true", "95 %", "largest", "within 7 points")
    print_table(f"{name}: probability of each fused prediction", heads, rows)
    print(simultaneous(cells, ALLOWED))


def main() -> None:
    """Print all tables of each set."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*", default=["prism", "crowdrag"])
    parser.add_argument("--protocol", default="new-people")
    given = parser.parse_args()
    for name in given.sets:
        data = predict(name, given.protocol)
        by_judge(name, data)
        useless(name, data)
        calls(name, data)
        reliable(name, data)


if __name__ == "__main__":
    main()
