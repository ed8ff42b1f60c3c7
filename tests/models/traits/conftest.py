"""What the tests of the embedded engine share."""

from __future__ import annotations

import pytest

from personalrm.models.traits import TraitsModel


@pytest.fixture(scope="session")
def shipped() -> TraitsModel:
    """The model with the prior that comes with the package."""
    return TraitsModel.shipped()
