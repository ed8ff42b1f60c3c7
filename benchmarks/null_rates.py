"""How often something is claimed of people where nothing is there: claims, changes of taste, intervals of accuracy.

    python benchmarks/null_rates.py claims --people 300 --choices 15
    python benchmarks/null_rates.py alarms --people 160 --choices 60
    python benchmarks/null_rates.py prequential --people 120
    python benchmarks/null_rates.py forgetting --people 95

``claims``: texts of simulated people, labelled by coin, by the moderated probability, or by the population's weights
alone (a person exactly like the population). If all hypotheses are null, the false-discovery rate is the share of
people with any claim; at most 10 % is promised. ``alarms``: people whose taste never changes; at most 5 % is promised.
``prequential``: how often the service's interval of one person's accuracy holds the true 70 %.
``forgetting``: populations of 30 people whose taste never changes, from which a half-life is learned; 5 % at most.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from common import print_table
from personalrm.data.simulated import simulate_people
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.changes import changes_of
from personalrm.models.traits.claims import claims
from personalrm.models.traits.fit import sigmoid
from personalrm.models.traits.forgetting import learn_half_life
from personalrm.models.traits.person import Evidence, alone
from personalrm.models.traits.posterior import Person
from personalrm.models.traits.prior import PERSONAL
from personalrm.service.evaluation import of_person
from personalrm.store.predictions import Prediction

Array = NDArray[np.float64]
Row = tuple[object, ...]


def share(name: str, found: int, count: int) -> Row:
    """A row: the share with its exact 95 % interval."""
    low, high = stats.binomtest(found, count).proportion_ci()
    return name, count, found, f"{found / count:.3f}", f"[{low:.3f}, {high:.3f}]"


def claimed(people: int, choices: int, seed: int) -> Iterator[Row]:
    """People with a claim under three null hypotheses."""
    model, rng = TraitsModel.shipped(), np.random.default_rng(seed)
    found = {"coin": 0, "moderated": 0, "population": 0}
    for one in simulate_people(people, choices=choices, seed=seed):
        decided, own = list(one.decided), model.evidence(one.decided)
        chances = {
            "coin": np.full(len(decided), 0.5),
            "moderated": sigmoid(alone(own, model.prior.covariance)),
            "population": sigmoid(own.offset),
        }
        for name, chance in chances.items():
            kept = rng.random(len(decided)) < chance
            side = np.where(kept, 1.0, -1.0)
            drawn = Evidence(own.offset * side, own.t * side[:, None], own.groups)
            labelled = [pair if same else pair.flipped() for pair, same in zip(decided, kept, strict=True)]
            found[name] += bool(claims(labelled, drawn, model.prior.covariance).claims)
    for name, count in found.items():
        yield share(f"a claim, labels by {name}, {choices} choices", count, people)


def alarmed(people: int, choices: int, seed: int) -> Iterator[Row]:
    """People with an alarm though their taste stays."""
    width, found = len(PERSONAL), 0
    for number in range(people):
        rng = np.random.default_rng([seed, number])
        taste, t = 0.5 * rng.normal(size=width), rng.normal(size=(choices, width))
        t[rng.random(choices) >= sigmoid(t @ taste)] *= -1.0
        evidence = Evidence(np.zeros(choices), t, [np.array([at]) for at in range(choices)])
        keys = [str(at) for at in range(choices)]
        found += bool(changes_of(evidence, keys, 0.3 * np.eye(width), np.zeros(width)))
    yield share(f"an alarm, {choices} choices", found, people)


def covered(people: int, seed: int) -> Iterator[Row]:
    """People whose interval holds the truth: conversations of one person with chances of their own around 0.7."""
    rng = np.random.default_rng(seed)
    for conversations, most in ((8, 3), (20, 5), (60, 2)):
        found = given = 0
        for _ in range(people):
            made = [
                Prediction(0, 0, 0.9 if rng.random() < chance else 0.1, 0.5, str(at))
                for at, chance in enumerate(rng.beta(4.2, 1.8, conversations))
                for _ in range(rng.integers(1, most + 1))
            ]
            row = of_person(made)
            given += row["low"] is not None
            found += row["low"] is not None and row["low"] <= 0.7 <= row["high"]
        yield share(f"interval holds, {conversations} conversations", found, given)


def forgetful(populations: int, seed: int) -> Iterator[Row]:
    """Populations that learn a half-life though nobody's taste changes."""
    found = 0
    for number in range(populations):
        rng, people = np.random.default_rng([seed, number]), []
        for _ in range(30):
            t, taste = rng.normal(size=(30, 6)), 0.5 * rng.normal(size=6)
            t[rng.random(30) >= sigmoid(t @ taste)] *= -1.0
            people.append(Person(np.zeros(30), t, [np.array([at]) for at in range(30)]))
        found += learn_half_life(people, 0.25 * np.eye(6)).half_life is not None
    yield share("a half-life, 30 people with 30 choices", found, populations)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("claims", "alarms", "prequential", "forgetting"))
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--choices", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows = {
        "claims": lambda: claimed(given.people, given.choices, given.seed),
        "alarms": lambda: alarmed(given.people, given.choices, given.seed),
        "prequential": lambda: covered(given.people, given.seed),
        "forgetting": lambda: forgetful(given.people, given.seed),
    }[given.what]()
    print_table("where nothing is there", ("what", "people", "found", "share", "95 % interval"), list(rows))


if __name__ == "__main__":
    main()
