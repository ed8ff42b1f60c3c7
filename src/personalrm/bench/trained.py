"""Nobody is tested on by a model that was trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from personalrm.errors import DataError
from personalrm.models.registry import TRAINED
from personalrm.models.trained import trained_people


def check_unseen(name: str, users: Sequence[str]) -> None:
    """DataError if a trained model would be tested on people it was trained on."""
    lineage = trained_people(Path(name.removeprefix(TRAINED)))
    seen = [one for one in users if lineage.holds(one)]
    if seen:
        raise DataError(
            f"{name} was trained on {len(seen)} of the {len(users)} people who are to be predicted ('{seen[0]}' is "
            "one): test on others, or say --train-on-test-users-context"
        )
