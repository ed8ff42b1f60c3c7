"""What holds for every test that asks a model."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody loses patience, and nothing found out is forgotten, because the machine of the tests is slow."""
    monkeypatch.setattr("personalrm.llm.openai.PATIENCE_S", 600.0)
    monkeypatch.setattr("personalrm.llm.http_client.STANDS_S", 600.0)
