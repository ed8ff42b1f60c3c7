"""A model that `personalrm train` wrote, whatever it is: one way to load it, and who it has seen.

    model = load_trained(Path("runs/pref"))
    mine = model.fit(history)                            # a new person, from their choices
    mine.compare(context, a, b)                          # Verdict
    trained_people(Path("runs/pref")).holds("ada")       # True: a test on her choices says nothing

Nothing here loads torch before a model is loaded.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson

from personalrm.errors import DataError, MissingExtra, PersonalrmError
from personalrm.files import checked, read_object
from personalrm.models.base import ScalarModel
from personalrm.models.checksums import check_files
from personalrm.profile.provenance import Lineage

if TYPE_CHECKING:
    from personalrm.models.reward_model import PersonalReward

Device = Literal["auto", "cpu", "cuda"]
Kind = Literal["learned", "bradley-terry"]
FILES: dict[Kind, str] = {"learned": "personalrm-model.json", "bradley-terry": "personalrm.json"}
"""What tells the kinds apart: the file that either writes last."""
MANIFEST, PRIOR = "manifest.json", "prior.json"
"""What a run says of itself; and what its profiles were made with, where a model is told of a profile."""


def kind_of(folder: Path) -> Kind:
    """What the folder holds. DataError if it is no trained model."""
    for kind, name in FILES.items():
        if (folder / name).is_file():
            return kind
    raise DataError(f"{folder} holds no trained model: expected a folder that `personalrm train` wrote")


def load_trained(folder: Path, device: Device = "auto") -> ScalarModel:
    """The model in the folder.

    Args:
        folder: what `personalrm train --out` wrote.
        device: where its encoder or backbone computes.

    Raises:
        DataError: no trained model, a damaged one, another encoder than it was trained with, or no GPU.
        MissingExtra: a package that it needs is not installed.
    """
    kind = kind_of(folder)
    _check_noted(folder)
    try:
        if kind == "learned":
            from personalrm.models.learned.folder import load

            return load(folder, device)
        return _fine_tuned(folder, device)
    except PersonalrmError:
        raise
    except ImportError as error:
        raise MissingExtra(f"Trained models need: pip install 'personalrm[train]' ({error}).") from error
    except Exception as error:  # safetensors, tokenizers and torch have errors of their own
        raise DataError(f"{folder} holds a damaged model ({type(error).__name__}: {error}): train it again") from None


def _check_noted(folder: Path) -> None:
    """DataError if a file is not the one that the manifest notes; a model saved from Python has no manifest."""
    if (folder / MANIFEST).exists():
        noted = read_object(folder / MANIFEST, "manifest").get("checksums", {})
        check_files(folder, checked(noted, dict[str, str], f"{folder / MANIFEST} is damaged: its checksums"))


def trained_people(folder: Path) -> Lineage:
    """Everybody whose choices had a part in the model: who was learned from, who stopped it, who calibrated it.

    Raises:
        DataError: no trained model, or one that does not say.
    """
    kind = kind_of(folder)
    if (folder / MANIFEST).exists():
        return _lineage(folder / MANIFEST, "lineage")
    if kind == "learned":  # saved from Python
        return _lineage(folder / FILES[kind], "facts", "people")
    raise DataError(f"{folder} does not say who was trained on: {MANIFEST} is missing")


def lineages(folder: Path) -> tuple[Lineage, ...]:
    """`trained_people`, and those of the shipped prior where the model is told of profiles that are made with it."""
    trained = trained_people(folder)
    if kind_of(folder) == "learned" or (folder / PRIOR).exists():
        return (trained,)
    from personalrm.models.reward_model.user_prompts import needs_profile
    from personalrm.models.traits.shipped import shipped_people

    told: Any = read_object(folder / FILES["bradley-terry"], "model").get("user_prompt")
    return (trained, shipped_people()) if needs_profile(told) else (trained,)


def _fine_tuned(folder: Path, device: Device) -> PersonalReward:
    from personalrm.models.reward_model import PersonalReward

    model = PersonalReward.load(folder, device)
    if not (folder / PRIOR).exists():
        return model
    from personalrm.models.traits import TraitsModel
    from personalrm.models.traits.prior import Prior

    traits = TraitsModel.from_prior(Prior.from_json(orjson.loads((folder / PRIOR).read_bytes())))
    return replace(model, profile_of=lambda history: traits.fit(history).profile())


def _lineage(path: Path, *names: str) -> Lineage:
    found: Any = read_object(path, "model")
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return checked(found, Lineage, f"{path} is damaged: who was trained on cannot be read")
