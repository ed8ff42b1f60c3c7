"""Tiny backbones, made once a session."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def bert(tiny_bert: str) -> str:
    """The encoder, beside `qwen`."""
    return tiny_bert


@pytest.fixture(scope="session")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> str:
    from tiny_backbones import make_qwen  # imports transformers

    return make_qwen(tmp_path_factory.mktemp("qwen"))
