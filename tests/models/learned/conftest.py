"""Models trained once for all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from personalrm.data.simulated import simulate_people
from personalrm.preferences import History

if TYPE_CHECKING:  # imports torch
    from personalrm.models.learned import LearnedModel


@pytest.fixture(scope="session")
def twenty_people() -> list[History]:
    """Twenty simulated people; the first 16 are trained on by `models`."""
    return simulate_people(20, 8, seed=1, groups=2, response_tokens=40, prompt_tokens=30)


@pytest.fixture(scope="session")
def models(twenty_people: list[History]) -> dict[str, LearnedModel]:
    """Each method, trained for a few epochs."""
    from personalrm.models.learned import METHODS, Settings, train

    return {name: train(twenty_people[:16], Settings(name, "traits", members=2, epochs=2)) for name in METHODS}
