"""The JSON file of a learned model as `personalrm train` of any version wrote it; reading it does not import torch.

read_fields(Path("runs/pref"))["summary"]["people"]         # fields as in `learned.folder.LearnedCard`, unvalidated
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from personalrm.errors import DataError
from personalrm.files import read_object

CARD = "personalrm-model.json"
SCHEMA = 2
_RENAMED_IN_SCHEMA_2 = {"trust": "calibration", "facts": "summary"}
_RENAMED_PARTS_IN_SCHEMA_2 = (
    ("calibration", "everybody", "population"),
    ("summary", "everybody_log_loss", "population_log_loss"),
)


def read_fields(folder: Path) -> dict[str, Any]:
    """The fields of the model's file in the current schema.

    Raises:
        DataError: there is no model, its file is not a JSON object, or a newer version wrote it.
    """
    if not (folder / CARD).is_file():
        raise DataError(f"{folder} holds no trained model: expected the folder that `train --out` wrote")
    return _trained_before_new_texts(_migrated(read_object(folder / CARD, "model", SCHEMA)))


def _trained_before_new_texts(card: dict[str, Any]) -> dict[str, Any]:
    """Models without this setting were trained for texts that their training users have judged."""
    settings = card.get("settings")
    return {**card, "settings": {"new_texts": False, **settings}} if isinstance(settings, dict) else card


def _migrated(card: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a card of any version in the current schema; unknown values are left for validation."""
    if card["schema"] == SCHEMA:
        return dict(card)
    found = {_RENAMED_IN_SCHEMA_2.get(name, name): value for name, value in card.items()} | {"schema": SCHEMA}
    for part, old, new in _RENAMED_PARTS_IN_SCHEMA_2:
        if isinstance(found.get(part), dict) and old in found[part]:
            found[part] = {new if name == old else name: value for name, value in found[part].items()}
    return found
