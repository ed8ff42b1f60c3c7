"""Speed of MiniLM with `personalrm.models.encoders` against sentence-transformers' ``encode``, on one core.

Both embed the same responses of PRISM, sorted by length, alternating in one run, so that the load of the machine is the
same; the figure is the ratio of the median times. Then the same texts are read from the cache on disk, without
embedding. Real texts and weights; accuracy is not measured.

    HF_HUB_OFFLINE=1 python benchmarks/encoder_speed.py [--data FILE] [--texts 500]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[_variable] = "1"  # before numpy is imported: use one core

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402

from common import real_data, row  # noqa: E402
from personalrm.data.reading import read_choices  # noqa: E402
from personalrm.models.encoders import Cached, HiddenEncoder  # noqa: E402
from personalrm.models.encoders.weights import minilm  # noqa: E402

RUNS = 3


class Counting(HiddenEncoder):
    """Counts the embedded texts."""

    embedded = 0

    def mark(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Count, then embed."""
        self.embedded += len(texts)
        return super().mark(texts)


def seconds(work: Callable[[], object]) -> float:
    """Seconds of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Print both speeds, their ratio, the difference of the vectors, and the effect of the cache."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--texts", type=int, default=500)
    given = parser.parse_args()
    responses = (
        text
        for one in read_choices(given.data or real_data() / "prism.jsonl.gz")
        for text in (one.chosen, one.rejected)
    )
    texts = sorted(dict.fromkeys(islice(responses, given.texts)), key=len)
    ours = Counting(minilm(), "mean", "cpu")
    theirs = SentenceTransformer(str(minilm().folder), device="cpu", local_files_only=True)

    def library() -> NDArray[np.float32]:
        return np.asarray(theirs.encode(texts, normalize_embeddings=True, show_progress_bar=False))

    difference = float(np.abs(ours.embed(texts) - library()).max())
    times = [(seconds(lambda: ours.embed(texts)), seconds(library)) for _ in range(RUNS)]
    mine, other = (statistics.median(column) for column in zip(*times, strict=True))
    row("texts a second, ours", f"{len(texts) / mine:,.1f}", "(none)", ok=True)
    row("texts a second, sentence-transformers", f"{len(texts) / other:,.1f}", "(none)", ok=True)
    row("speed, ours / sentence-transformers", f"{other / mine:.2f}", "≥ 0.90", other / mine >= 0.9)
    row("largest difference of a number", f"{difference:.1e}", "≤ 1e-5", difference <= 1e-5)
    with tempfile.TemporaryDirectory() as folder:
        Cached(ours, Path(folder) / "vectors.sqlite").embed(texts)
        ours.embedded = 0
        again = Cached(ours, Path(folder) / "vectors.sqlite")
        known = seconds(lambda: again.embed(texts))
    row("texts embedded, second run with the cache", f"{ours.embedded}", "0", ours.embedded == 0)
    row("texts a second from the cache on disk", f"{len(texts) / known:,.0f}", "(none)", ok=True)


if __name__ == "__main__":
    main()
