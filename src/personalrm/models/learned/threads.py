"""One thread, whatever the machine has: the matrices here are so small that threads wait longer than they compute.

On two cores of which another process keeps one busy, five passes of GPO over 200 people take 40 s with two threads and
0.5 s with one. And sums come out the same to the last bit on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """The same for numpy's products: two threads of OpenBLAS give other last bits from one run to the next."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Until the block or the decorated function ends."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
