"""The fixture of torch that conftests of folders with training import."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tiny matrices gain nothing from threads: beside others who compute, two take twenty times as long as one."""
    import torch

    torch.set_num_threads(1)
