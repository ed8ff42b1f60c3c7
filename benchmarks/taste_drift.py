"""Changes of taste: how soon predictions adapt, and how often changes and false changes are detected.

    python benchmarks/taste_drift.py                    # simulated people: a minute
    python benchmarks/taste_drift.py --real             # also real choices with a time

Simulated people choose by one taste, then by an unrelated one. Every choice is predicted from the earlier ones, with
four weightings of them; the same people in random order have no change, so an alarm there is false. Figures of
simulated people say nothing about how often real people change.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import numpy as np

from common import print_table, real_data
from personalrm.data.reading import read_people
from personalrm.data.simulated import Setting, simulate
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.changes import FALSE_ALARMS, TasteChange, changes_of
from personalrm.models.traits.fit import Array, softplus
from personalrm.models.traits.forgetting import age_weights, learn_half_life, weighted_logits
from personalrm.models.traits.person import Evidence, groups_of
from personalrm.models.traits.posterior import Person, root_of
from personalrm.preferences import Preference
from personalrm.stats.intervals import interval

CHOICES, BLOCK = 200, 20
SHORT = 16.0
Start = Callable[[int], int]


def losses(evidence: Evidence, root: Array, start: Start, half_life: float | None) -> Array:
    """Log loss of each choice (n,), predicted from the choices from ``start(i)`` up to it."""
    n = len(evidence.offset)
    weights = np.zeros((n, n))
    for at in range(n):
        begin = start(at)
        weights[at, begin:at] = age_weights(at - begin, half_life)
    return softplus(-weighted_logits(evidence.offset, evidence.t @ root, weights, np.arange(n)))


def since_change(found: Sequence[TasteChange]) -> Start:
    """Start of the choices that count, once a change was detected."""

    def start(at: int) -> int:
        return max((one.at for one in found if one.noticed <= at), default=0)

    return start


def _shuffled(evidence: Evidence, keys: list[str], rng: np.random.Generator) -> tuple[Evidence, list[str]]:
    """The same choices, with the conversations in random order."""
    place = {key: float(rng.random()) for key in keys}
    order = np.array(sorted(range(len(keys)), key=lambda at: place[keys[at]]))
    return Evidence(evidence.offset[order], evidence.t[order], []), [keys[at] for at in order]


def alarms(model: TraitsModel, people: Sequence[Sequence[Preference]], title: str) -> list[list[TasteChange]]:
    """Changes found in the order of time; prints how many people have one, in that order and in random orders."""
    prior, rng = model.prior, np.random.default_rng(3)
    seen, false, codes = [], [], []
    for code, choices in enumerate(people):
        evidence, keys = model.evidence(choices), [one.group for one in choices]
        seen.append(changes_of(evidence, keys, prior.covariance, prior.personal_weights()))
        for draw in range(3):
            drawn = changes_of(*_shuffled(evidence, keys, rng), prior.covariance, prior.personal_weights(), seed=draw)
            false.append(float(bool(drawn)))
            codes.append(code)
    real = np.array([float(bool(one)) for one in seen])
    rows = [
        ("in the order of time", _share(real, np.arange(len(real)))),
        ("in 3 drawn orders each (false alarms)", _share(np.array(false), np.array(codes))),
    ]
    print_table(f"{title}: people with an alarm (promised: at most {FALSE_ALARMS:.0%} false)", ("", "share"), rows)
    return seen


def _share(values: Array, codes: Array) -> str:
    bounds = interval(values, codes)
    return f"{values.mean():.1%}" + ("" if bounds is None else f" [{bounds[0]:.1%}, {bounds[1]:.1%}]")


def simulated(people: int) -> None:
    """How soon predictions adapt to a taste that becomes an unrelated one after half of the choices."""
    model = TraitsModel.shipped()
    root = root_of(model.prior.covariance)
    setting = Setting(choices=CHOICES, seed=11, drift=1.0, prompt_tokens=20, response_tokens=80)
    made = [one.history.decided for one in simulate(people, setting)]
    seen = alarms(model, made, f"simulated, {CHOICES} choices, the taste changes at {CHOICES // 2}")
    delays = [one[0].noticed - CHOICES // 2 for one in seen if one and one[0].noticed > CHOICES // 2]
    off = [abs(one[0].at - CHOICES // 2) for one in seen if one]
    if delays:
        print(f"noticed after {np.median(delays):.0f} choices (median); the place is off by {np.median(off):.0f}")
    ways = {"all alike": [], "half-life 16": [], "half-life 64": [], "since the change": []}
    for choices, found in zip(made, seen, strict=True):
        evidence = model.evidence(choices)
        whole = since_change(())
        ways["all alike"].append(losses(evidence, root, whole, None))
        ways["half-life 16"].append(losses(evidence, root, whole, SHORT))
        ways["half-life 64"].append(losses(evidence, root, whole, 4 * SHORT))
        ways["since the change"].append(losses(evidence, root, since_change(found), None))
    rows = []
    for begin in range(CHOICES // 2 - 2 * BLOCK, CHOICES, BLOCK):
        cells = [f"{np.mean([one[begin : begin + BLOCK] for one in each]):.3f}" for each in ways.values()]
        rows.append((f"{begin + 1} to {begin + BLOCK}", *cells))
    print_table(f"simulated: log loss of choices (the taste changes at {CHOICES // 2})", ("choices", *ways), rows)


def real() -> None:
    """Whether forgetting predicts real people's later choices better, and whether their taste changes."""
    people = [one for one in read_people(real_data() / "ukp.jsonl.gz") if len(one.decided) >= 24]
    ordered = [sorted(one.decided, key=lambda each: each.time or "") for one in people]
    model = TraitsModel.from_population(people[::2])
    others = ordered[1::2]
    cases = []
    for choices in others:
        evidence = model.evidence(choices)
        cases.append(Person(evidence.offset, evidence.t, groups_of(choices)))
    found = learn_half_life(cases, model.prior.covariance)
    rows = [
        (f"{one.half_life:.0f}", f"{one.test.difference:+.4f}", _bounds(one.test.low, one.test.high), f"{one.p:.3f}")
        for one in found.gains
    ]
    title = f"UKP, {found.people} people not in the prior's training data: gain in log loss over no forgetting"
    print_table(title, ("half-life", "nats per choice", "95 % interval", "p (Holm)"), rows)
    print(f"learned half-life: {found.half_life or 'none'}")
    alarms(model, others, "UKP")


def _bounds(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"[{low:+.4f}, {high:+.4f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--real", action="store_true")
    given = parser.parse_args()
    simulated(given.people)
    if given.real:
        real()


if __name__ == "__main__":
    main()
