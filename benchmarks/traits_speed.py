"""Speed of the embedded engine on one core, traits only, on new texts: people fitted and comparisons per second.

A person has 17 choices, a response about 250 tokens (real MT-Bench answers with shuffled words, so that all are
different). Times are CPU seconds, the median of five runs.

    python benchmarks/traits_speed.py [--data FILE]
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # before numpy is imported: use one core

from common import real_data, row  # noqa: E402
from personalrm.data.reading import read_choices  # noqa: E402
from personalrm.models.traits import TraitsModel  # noqa: E402
from personalrm.preferences import History, Message, Preference  # noqa: E402

PEOPLE, CHOICES, PAIRS, RUNS = 100, 17, 1000, 5


def fresh_texts(path: str) -> Iterator[str]:
    """Infinite distinct responses of about 250 tokens (1,170 characters)."""
    rng = random.Random(0)
    texts = {text for one in read_choices(path) for text in (one.chosen, one.rejected)}
    real = sorted(text for text in texts if 900 < len(text) < 1500)
    for number in range(10**9):
        words = rng.choice(real).split(" ")
        turn = rng.randrange(len(words))
        yield " ".join([*words[turn:], *words[:turn], str(number)])


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one run."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Print people per second, comparisons per second, and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path)
    texts = fresh_texts(parser.parse_args().data or real_data() / "mt_bench.jsonl.gz")
    asked = [next(texts)[:600] for _ in range(200)]  # 150-token messages
    model = TraitsModel.shipped()

    def person(number: int) -> History:
        choices = []
        for i in range(CHOICES):
            context = (Message("user", asked[(number + i // 3) % len(asked)]),)
            choices.append(Preference(f"{i}", f"{number}", f"{i // 3}", context, next(texts), next(texts)))
        return History(f"{number}", tuple(choices))

    fits, many, single, profiles = [], [], [], []
    for _ in range(RUNS):
        people = [person(number) for number in range(PEOPLE)]
        fits.append(cpu_seconds(lambda people=people: [model.fit(one) for one in people]) / PEOPLE)
        fitted = [model.fit(one) for one in people]
        profiles.append(cpu_seconds(lambda fitted=fitted: [one.profile() for one in fitted]) / PEOPLE)
        pairs = [((Message("user", asked[i % len(asked)]),), next(texts), next(texts)) for i in range(2 * PAIRS)]
        mine = fitted[0]
        many.append(cpu_seconds(lambda mine=mine, pairs=pairs: mine.compare_many(pairs[:PAIRS])) / PAIRS)
        single.append(cpu_seconds(lambda mine=mine, pairs=pairs: [mine.compare(*one) for one in pairs[PAIRS:]]) / PAIRS)
    rates = [1.0 / statistics.median(times) for times in (fits, many, single, profiles)]
    row("people fitted a second", f"{rates[0]:,.0f}", "≥ 100", rates[0] >= 100)
    row("comparisons a second, many at once", f"{rates[1]:,.0f}", "≥ 2,000", rates[1] >= 2000)
    row("comparisons a second, one by one, with reasoning", f"{rates[2]:,.0f}", "(none)", ok=True)
    row("profiles a second, after the fit", f"{rates[3]:,.0f}", "(none)", ok=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row("peak memory of this benchmark", f"{peak:,.0f} MB", "< 150 MB", peak < 150)


if __name__ == "__main__":
    main()
