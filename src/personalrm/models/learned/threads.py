"""Single-threaded linear algebra: the matrices here are so small that threads cost more than they save.

On two cores of which another process keeps one busy, five epochs of GPO over 200 people take 40 s with two threads and
0.5 s with one. Sums are also bitwise equal on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """One thread for numpy's matrix products: with two, OpenBLAS differs in the last bits from run to run."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread, for the block or the decorated function."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
