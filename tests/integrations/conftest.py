"""The profile that the hosts' examples are tested with."""

from __future__ import annotations

from pathlib import Path

import pytest
from places import MIRA

from personalrm import SynthesizeMe


@pytest.fixture(scope="session")
def mira_profiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with mira.json, fitted with the embedded engine."""
    folder = tmp_path_factory.mktemp("profiles")
    SynthesizeMe().fit(MIRA).save(folder / "mira.json")
    return folder
