"""A fixture for torch, imported by the conftests of folders with training."""

from __future__ import annotations

import os
import sys

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Use one thread: for tiny matrices, two threads on a busy machine take twenty times as long."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    else:  # torch reads it when a test imports it
        os.environ.setdefault("OMP_NUM_THREADS", "1")
