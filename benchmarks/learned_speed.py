"""Speed of the learned methods on real people: fitting a new user, scoring, training, and peak memory.

New users are people of PRISM that the model was not trained on. Their texts are parsed again, MiniLM's vectors are
cached, and an ensemble has five members. Training uses PRISM and UKP together, with the settings' early stopping. Times
are CPU seconds of one core, medians over people; accuracy is not measured.

    HF_HUB_OFFLINE=1 python benchmarks/learned_speed.py [--methods gpo,vpl,pal,lore,pref] [--published] [--cache FILE]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # before numpy is imported: use one core

from common import real_data, row  # noqa: E402
from personalrm.data.reading import read_people  # noqa: E402
from personalrm.models.encoders import Encoder, encoder_named  # noqa: E402
from personalrm.models.learned import METHODS, LearnedModel, Settings, train  # noqa: E402
from personalrm.models.learned.ensemble import infer  # noqa: E402
from personalrm.models.learned.loop import EpochMetrics  # noqa: E402
from personalrm.models.learned.people import collate, whole_episode  # noqa: E402
from personalrm.models.traits.features import last_message  # noqa: E402
from personalrm.preferences import History  # noqa: E402

SEEN = 100
"""Number of people of PRISM in the training data of the model; the others are new to it."""
RESPONSES = 300


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one run."""
    start = time.process_time()
    work()
    return time.process_time() - start


def median_ms(works: Iterable[Callable[[], object]]) -> float:
    """Median CPU milliseconds."""
    return 1e3 * statistics.median(cpu_seconds(work) for work in works)


def embed(people: Sequence[History], encoder: Encoder) -> None:
    """Cache the vectors of all texts."""
    choices = [choice for one in people for choice in one.decided]
    texts = {encoder.text(one.context, side) for one in choices for side in (one.chosen, one.rejected)}
    encoder.embed(sorted(texts | {last_message(one.context) for one in choices}))


def adapting(model: LearnedModel, people: Sequence[History]) -> None:
    """Print the cost of fitting and predicting a new user."""
    name, members, kept = model.settings.label, len(model.members), model.shared_reward.features.kept

    def fit(one: History) -> Callable[[], object]:
        kept.clear()  # as if the texts were new
        return lambda: model.fit(one)

    whole = median_ms(fit(one) for one in people)
    known = [collate([whole_episode(model._choices(one))]) for one in people]
    inner = median_ms(lambda one=one: infer(model.members, one) for one in known)
    row(f"{name}: fit somebody new, {members} members", f"{whole:.1f} ms", "≤ 20 ms", whole <= 20.0)
    row(f"{name}: of it all members / one", f"{inner:.1f} / {inner / members:.2f} ms", "(none)", ok=True)
    fitted = model.fit(people[0])
    pairs = [(one.context, one.chosen, one.rejected) for one in people[1].decided]
    compared = median_ms(lambda one=one: fitted.compare(*one) for one in pairs)
    row(f"{name}: one comparison", f"{compared:.1f} ms", "(none)", ok=True)
    items = [(choice.context, choice.chosen) for one in people for choice in one.decided][:RESPONSES]
    rate = len(people) * len(items) / cpu_seconds(lambda: model.score_many(people, items))
    row(f"{name}: scores a second, {len(people)} people × {len(items)}", f"{rate:,.0f}", "(none)", ok=True)


def training(settings: Settings, people: Sequence[History], encoder: Encoder) -> None:
    """Print the cost of training."""
    passes: list[EpochMetrics] = []

    def told(member: int, point: EpochMetrics) -> None:
        passes.append(point)

    taken = cpu_seconds(lambda: train(people, settings, encoder=encoder, on_epoch=told))
    name = f"{settings.label}: training, {len(people)} people, {len(passes)} passes"
    row(name, f"{taken:.0f} s", "≤ 300 s", taken <= 300.0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row(f"{settings.label}: peak memory so far", f"{peak:,.0f} MB", "(none)", ok=True)


def main() -> None:
    """Print one row per figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--published", action="store_true")
    parser.add_argument("--cache", help="file of cached vectors (default: the usual one)")
    given = parser.parse_args()
    prism, ukp = (list(read_people(real_data() / f"{name}.jsonl.gz")) for name in ("prism", "ukp"))
    encoder = encoder_named("minilm", device="cpu", cache=given.cache)
    embed([*prism, *ukp], encoder)
    names: list[Any] = given.methods.split(",")
    for name in names:
        short = Settings(name, published=given.published, epochs=2)
        adapting(train(prism[:SEEN], short, encoder=encoder), prism[SEEN:])
        training(Settings(name, published=given.published), [*prism, *ukp], encoder)


if __name__ == "__main__":
    main()
