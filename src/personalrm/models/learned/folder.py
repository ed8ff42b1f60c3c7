"""A learned model on disk: `model.safetensors` (tensors) and `personalrm-model.json` (everything else, readable).

No text, name or id of any person is written; people are held as salted hashes (`profile.provenance.Lineage`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from personalrm import __version__
from personalrm.errors import DataError
from personalrm.files import checked, replace_file, stored, to_json
from personalrm.models.checksums import check_files, check_finite, checksum
from personalrm.models.encoders import Device, Encoder, encoder_named
from personalrm.models.learned.calibrating import Calibrator
from personalrm.models.learned.features import Features, encoder_part
from personalrm.models.learned.model import LearnedModel, TrainingSummary
from personalrm.models.learned.settings import Settings
from personalrm.models.learned.shared_reward import SharedReward
from personalrm.models.learned_card import CARD, SCHEMA, read_fields
from personalrm.models.traits.design import Design
from personalrm.models.traits.prior import Prior, check_units
from personalrm.regular_files import content_of

NUMBERS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class LearnedCard:
    """Everything but the tensors of a model.

    Attributes:
        schema: version of the file format.
        personalrm: version of the package that wrote it.
        settings: how it was trained.
        encoder: identity of the encoder of its features; None without one.
        similarity: mean and standard deviation of the similarity to the last message.
        members: number of users each member stores a vector for.
        calibration: scales of the margins.
        summary: data and metrics of the training.
        checksums: of the tensor file.
    """

    schema: int
    personalrm: str
    settings: Settings
    encoder: str | None
    similarity: tuple[float, float]
    members: tuple[int, ...]
    calibration: Calibrator
    summary: TrainingSummary
    checksums: Mapping[str, str] = field(default_factory=dict)


def save(model: LearnedModel, folder: str | Path) -> None:
    """Write the model; files of an earlier model are replaced. StorageError if it cannot be written."""
    from safetensors.torch import save as tensors

    where = Path(folder)
    with stored(where):
        where.mkdir(parents=True, exist_ok=True)
        numbers = tensors(_numbers(model))
        replace_file(where / NUMBERS, numbers)
        replace_file(where / CARD, to_json(_card(model, {NUMBERS: checksum(numbers)})))


def load(folder: str | Path, device: Device = "auto") -> LearnedModel:
    """Read a model; ``device`` is where its encoder runs.

    Raises:
        DataError: no model, a damaged one, or its encoder is a different one on this machine.
    """
    from safetensors.torch import load as tensors

    where = Path(folder)
    card = read_card(where)
    check_files(where, card.checksums)
    try:
        numbers = tensors(content_of(where / NUMBERS))
        check_finite(numbers.items(), where)
        features = _features(card, numbers, device)
        weights = numbers.get("population", numbers.get("everybody"))  # the latter in files of schema 1
        shared_reward = SharedReward(features, None if weights is None else weights.numpy())
        members = _members(card.settings, shared_reward, numbers, card.members)
    except OSError as error:
        raise DataError(f"{where / NUMBERS} cannot be read: {error.strerror or error}") from None
    except DataError as error:
        raise DataError(str(error) if str(where) in str(error) else f"{where}: {error}") from None
    except Exception as error:  # safetensors has errors of its own
        raise DataError(f"{where} holds a damaged model ({type(error).__name__}: {error}): train it again") from None
    return LearnedModel(card.settings, shared_reward, members, card.calibration, card.summary)


def read_card(folder: Path) -> LearnedCard:
    """The JSON part of a model. DataError if there is none, it is damaged, or a newer version wrote it."""
    return checked(read_fields(folder), LearnedCard, f"the model {folder / CARD}")


def _card(model: LearnedModel, checksums: Mapping[str, str]) -> LearnedCard:
    encoder = model.shared_reward.features.encoder
    return LearnedCard(
        schema=SCHEMA,
        personalrm=__version__,
        settings=model.settings,
        encoder=None if encoder is None else encoder.name,
        similarity=model.shared_reward.features.similarity,
        members=tuple(_stored_users(one) for one in model.members),
        calibration=model.calibrator,
        summary=model.summary,
        checksums=checksums,
    )


def _stored_users(method: torch.nn.Module) -> int:
    """Number of users a member stores a vector for."""
    table = dict(method.named_parameters()).get("table")
    return 1 if table is None else len(table)


def _numbers(model: LearnedModel) -> dict[str, torch.Tensor]:
    features = model.shared_reward.features
    arrays: dict[str, Any] = {}
    if features.design is not None:
        design = features.design
        arrays |= {
            "design.centre": design.blank.centre, "design.scale": design.blank.scale, "design.words": design.words,
            "design.kind_mean": design.kind_mean, "design.kind_scale": design.kind_scale,
        }  # fmt: skip
    if features.directions is not None:
        arrays["directions"] = features.directions
    if model.shared_reward.weights is not None:
        arrays["population"] = model.shared_reward.weights
    found = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}
    for number, member in enumerate(model.members):
        found |= {f"members.{number}.{name}": value.contiguous() for name, value in member.state_dict().items()}
    return found


def _features(card: LearnedCard, numbers: dict[str, torch.Tensor], device: Device) -> Features:
    part = encoder_part(card.settings.features)
    encoder = None if part is None else _same_encoder(part, card.encoder, device)
    design = None
    if "design.words" in numbers:
        array = {name.removeprefix("design."): numbers[name].numpy() for name in numbers if name.startswith("design.")}
        check_units(array["centre"], array["scale"])
        blank = Prior.unweighted(array["centre"], array["scale"])
        design = Design(blank, array["words"], array["kind_mean"], array["kind_scale"])
    directions = numbers["directions"].numpy() if "directions" in numbers else None
    return Features(card.settings.features, design, encoder, card.similarity, directions)


def _same_encoder(name: str, expected: str | None, device: Device) -> Encoder:
    """The encoder of that name; DataError if it is not the one used in training."""
    encoder = encoder_named(name, device=device)
    if encoder.name != expected:
        raise DataError(
            f"the model was trained with the encoder {expected}, but '{name}' on this machine is {encoder.name}"
        )
    return encoder


def _members(
    settings: Settings, shared_reward: SharedReward, numbers: dict[str, torch.Tensor], people: Sequence[int]
) -> tuple[Any, ...]:
    from personalrm.models.learned.training import method_of

    base, members = torch.from_numpy(shared_reward.base), []
    for number, count in enumerate(people):
        table = numbers.get(f"members.{number}.table")
        if count != (1 if table is None else len(table)):  # a damaged count could otherwise allocate all memory
            raise DataError(
                f"member {number} stores {1 if table is None else len(table)} users, but {CARD} says {count}"
            )
        member = method_of(settings, base, count, number)
        prefix = f"members.{number}."
        member.load_state_dict(
            {name.removeprefix(prefix): numbers[name] for name in numbers if name.startswith(prefix)}
        )
        members.append(member.eval())
    return tuple(members)
