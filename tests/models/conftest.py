"""What tests of models share: nothing of the machine's user is read or written, and torch computes with one thread."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch_fixtures import one_thread

__all__ = ["one_thread"]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No hub, no key of the environment, and caches of one's own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PERSONALRM_CACHE", str(tmp_path / "answers.sqlite"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
