"""Does the risk guarantee of `compare --max-risk` hold for people whose prior it was not calibrated on?

    PERSONALRM_REAL_DATA=DIR python benchmarks/selective_risk.py [prism crowdrag mt_bench writers]

Three folds by person. Confidence thresholds are calibrated on the people of the other folds; each held-out choice is
predicted from the person's other groups, and answered if the confidence reaches the threshold. The shares of wrong
and of given answers weight people equally, with a 95 % interval by resampling people. A risk is tested only in folds
whose prior has a threshold for it. ``kept``: whether the observed risk is at most the promised one.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common import print_table, real_data
from personalrm.data.reading import read_people
from personalrm.data.splits import folds_by_person
from personalrm.models.traits import TraitsModel, leave_group_out
from personalrm.models.traits.reader import TraitReader
from personalrm.preferences import History

FOLDS, DRAWS = 3, 4_000
Observed = dict[float, list[tuple[int, float, float]]]
"""By promised risk: for each person the fold, the share of choices answered and the share answered wrongly."""


def observed(people: Sequence[History]) -> Observed:
    """Result for each promised risk."""
    fold = folds_by_person((one.user for one in people), FOLDS, 0)
    reader = TraitReader(remember=100_000)
    found: Observed = {}
    for held in range(FOLDS):
        model = TraitsModel.from_population([one for one in people if fold[one.user] != held], reader=reader)
        for one in (each for each in people if fold[each.user] == held):
            told = leave_group_out(model, one)
            for known in model.prior.sure:
                answered = np.maximum(told, 1.0 - told) >= known.threshold
                rates = (float(answered.mean()), float((answered & (told < 0.5)).mean()))
                found.setdefault(known.risk, []).append((held, *rates))
    return found


def risk_interval(answered: NDArray[np.float64], wrong: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the error rate among given answers, by resampling people."""
    drawn = np.random.default_rng(0).integers(0, len(answered), (DRAWS, len(answered)))
    given = answered[drawn].sum(axis=1)
    risks = wrong[drawn].sum(axis=1)[given > 0.0] / given[given > 0.0]
    low, high = np.quantile(risks, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=["prism", "crowdrag", "mt_bench", "writers"])
    given = parser.parse_args()
    rows = []
    for name in given.names:
        people = [one for one in read_people(real_data() / f"{name}.jsonl.gz") if one.decided]
        for promised, each in sorted(observed(people).items()):
            answered, wrong = np.array([one[1:] for one in each]).T
            if not answered.any():
                continue
            risk = wrong.sum() / answered.sum()
            low, high = risk_interval(answered, wrong)
            rows.append(
                [name, f"{promised:.2f}", len({one[0] for one in each}), f"{risk:.3f} [{low:.3f}, {high:.3f}]",
                 f"{answered.mean():.0%}", len(each), "yes" if risk <= promised else "no"]
            )  # fmt: skip
    heads = ["set", "promised", "folds", "risk seen [95 %]", "answered", "people", "kept"]
    print_table("Wrong answers among those given", heads, rows)


if __name__ == "__main__":
    main()
