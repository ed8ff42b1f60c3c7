"""Tiny backbones, made once a session."""

from __future__ import annotations

import pytest
import torch
from tiny_backbones import make_bert, make_qwen


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tiny matrices gain nothing from threads, and other tests run beside these."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_qwen(tmp_path_factory.mktemp("qwen"))
