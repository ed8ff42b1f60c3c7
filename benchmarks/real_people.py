"""People of a set of real choices, for the benchmarks of accuracy."""

from __future__ import annotations

import numpy as np

from common import real_data
from personalrm.data.reading import read_people
from personalrm.preferences import History


def people_of(name: str, most: int | None = None, *, fewest: int = 1) -> list[History]:
    """The people of a set with at least ``fewest`` choices that are no ties: a random subset, the same at each call."""
    people = [one for one in read_people(real_data() / f"{name}.jsonl.gz") if len(one.decided) >= fewest]
    if most is None or most >= len(people):
        return people
    return [people[at] for at in np.random.default_rng(0).permutation(len(people))[:most]]
