"""Cost of the covariance of people's weights: fitting one person against variances only, and learning a prior.

    python benchmarks/covariance_speed.py

Real people of CrowdRAG (250 people, 17 choices each on average). The two fits alternate in one run; the figure is the
ratio of their CPU seconds, median of nine rounds. Learning is measured in CPU seconds of one core.
"""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import replace

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # before numpy is imported: use one core

import numpy as np  # noqa: E402

from common import real_data, row  # noqa: E402
from personalrm.data.reading import read_people  # noqa: E402
from personalrm.models.traits import TraitsModel  # noqa: E402
from personalrm.preferences import History  # noqa: E402

PEOPLE, FITTED, ROUNDS = 250, 60, 9


def seconds(model: TraitsModel, people: list[History]) -> float:
    """CPU seconds of fitting all of them, with their texts already parsed."""
    start = time.process_time()
    for one in people:
        model.fit(one)
    return time.process_time() - start


def main() -> None:
    """Print both figures."""
    people = [one for one in read_people(real_data() / "crowdrag.jsonl.gz") if one.decided][:PEOPLE]
    start = time.process_time()
    full = TraitsModel.from_population(people)
    took = time.process_time() - start
    choices = sum(len(one.decided) for one in people)
    row(f"prior from {len(people)} people, {choices:,} choices", f"{took:.1f} s", "≤ 10 s", took <= 10.0)
    variances = np.diag(np.diag(full.prior.covariance))
    diagonal = replace(full, prior=replace(full.prior, covariance=variances), covariance=variances)
    some = people[:FITTED]
    seconds(full, some)  # reads the texts
    ratio = statistics.median(seconds(full, some) / seconds(diagonal, some) for _ in range(ROUNDS))
    row("fitting one person, covariance / variances", f"{ratio:.2f}", "≤ 1.3", ratio <= 1.3)


if __name__ == "__main__":
    main()
