"""A fixture for torch, imported by the conftests of folders with training."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Use one thread: for tiny matrices, two threads on a busy machine take twenty times as long."""
    import torch

    torch.set_num_threads(1)
