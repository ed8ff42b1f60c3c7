"""Tiny matrices gain nothing from threads, and other tests run beside these."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
