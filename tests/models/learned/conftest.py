"""One thread, no hub, caches of one's own; and models that are trained once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from personalrm.data.simulated import simulate_people
from personalrm.models.learned import METHODS, LearnedModel, Settings, train
from personalrm.preferences import History


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Tiny matrices gain nothing from threads: beside others who compute, two take twenty times as long as one."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("PERSONALRM_CACHE", str(tmp_path / "answers.sqlite"))
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def people() -> list[History]:
    """Twenty simulated people; the first 16 are trained on by `models`."""
    return simulate_people(20, 8, seed=1, groups=2, response_tokens=40, prompt_tokens=30)


@pytest.fixture(scope="session")
def models(people: list[History]) -> dict[str, LearnedModel]:
    """Each method, hardly trained."""
    return {name: train(people[:16], Settings(name, "traits", members=2, epochs=2)) for name in METHODS}
