"""Load a model that `personalrm train` wrote, of either kind, and tell whose choices it was trained on.

    model = load_trained(Path("runs/pref"))
    mine = model.fit(history)                            # a new user, from their choices
    mine.compare(context, a, b)                          # Verdict
    trained_people(Path("runs/pref")).holds("ada")       # True: a test on her choices would be contaminated

torch is imported only when a model is loaded.
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
from personalrm.models.learned_card import CARD, read_fields
from personalrm.profile.provenance import Lineage
from personalrm.regular_files import content_of

if TYPE_CHECKING:
    from personalrm.models.reward_model import PersonalReward

Device = Literal["auto", "cpu", "cuda"]
Kind = Literal["learned", "bradley-terry"]
FILES: dict[Kind, str] = {"learned": CARD, "bradley-terry": "personalrm.json"}
"""The file that identifies each kind; it is written last."""
MANIFEST, PRIOR = "manifest.json", "prior.json"
"""The run's manifest; and the prior of the profiles in the inputs of a fine-tuned model."""


def kind_of(folder: Path) -> Kind:
    """The kind of model in the folder. DataError if it holds no trained model."""
    for kind, name in FILES.items():
        if (folder / name).is_file():
            return kind
    raise DataError(f"{folder} holds no trained model: expected a folder that `personalrm train` wrote")


def load_trained(folder: Path, device: Device = "auto") -> ScalarModel:
    """The model in the folder.

    Args:
        folder: the output folder of `personalrm train`.
        device: of its encoder or backbone.

    Raises:
        DataError: no trained model, a damaged one, a different encoder than in training, or no GPU.
        MissingExtra: a required package is not installed.
    """
    kind = kind_of(folder)
    _check_checksums(folder)
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


def _check_checksums(folder: Path) -> None:
    """DataError if a file differs from its checksum in the manifest; a model saved from Python has no manifest."""
    if (folder / MANIFEST).exists():
        noted = read_object(folder / MANIFEST, "manifest").get("checksums", {})
        check_files(folder, checked(noted, dict[str, str], f"{folder / MANIFEST} is damaged: its checksums"))


def trained_people(folder: Path) -> Lineage:
    """Salted hashes of all people used in training, early stopping or calibration.

    Raises:
        DataError: no trained model, or one without this record.
    """
    kind = kind_of(folder)
    if (folder / MANIFEST).exists():
        return _lineage(folder / MANIFEST, read_object(folder / MANIFEST, "model").get("lineage"))
    if kind == "learned":  # saved from Python
        summary: Any = read_fields(folder).get("summary")
        return _lineage(folder / CARD, summary.get("people") if isinstance(summary, dict) else None)
    raise DataError(f"{folder} has no record of the people it was trained on: {MANIFEST} is missing")


def lineages(folder: Path) -> tuple[Lineage, ...]:
    """`trained_people`, and those of the shipped prior where the model's inputs hold profiles made with it."""
    trained = trained_people(folder)
    if kind_of(folder) == "learned" or (folder / PRIOR).exists():
        return (trained,)
    from personalrm.models.reward_model.user_prompts import needs_profile
    from personalrm.models.traits.shipped import shipped_people

    prompt: Any = read_object(folder / FILES["bradley-terry"], "model").get("user_prompt")
    return (trained, shipped_people()) if needs_profile(prompt) else (trained,)


def _fine_tuned(folder: Path, device: Device) -> PersonalReward:
    from personalrm.models.reward_model import PersonalReward

    model = PersonalReward.load(folder, device)
    if not (folder / PRIOR).exists():
        return model
    from personalrm.models.traits import TraitsModel
    from personalrm.models.traits.prior import Prior

    traits = TraitsModel.from_prior(Prior.from_json(orjson.loads(content_of(folder / PRIOR))))
    return replace(model, profile_of=lambda history: traits.fit(history).profile())


def _lineage(path: Path, found: object) -> Lineage:
    return checked(found, Lineage, f"{path} is damaged: the record of the people trained on cannot be read")
