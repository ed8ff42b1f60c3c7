"""What is asked for: a method with its settings, the files, and where the model goes.

order = TrainConfig("pref", "prism.jsonl.gz", Path("runs/pref"))
settings_of(order)                               # learned.Settings, or RewardSettings for bradley-terry
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from personalrm.data.inputs import Given
from personalrm.errors import DataError, MissingExtra
from personalrm.models.trained import Device
from personalrm.training.people import Part

if TYPE_CHECKING:
    from personalrm.models.learned import Settings
    from personalrm.models.reward_model import RewardSettings

BRADLEY_TERRY = "bradley-terry"
SHORT = {"bt": BRADLEY_TERRY}
LEARNED = ("gpo", "vpl", "pal", "lore", "pref")
METHODS = (BRADLEY_TERRY, *LEARNED)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """See the module's docstring.

    Attributes:
        method: one of `METHODS`.
        data, validation: files of choices; without a second one some of the first one's people stop the training.
        out: the folder.
        part: all choices, or what the data marks as context.
        device: where encoders and backbones compute.
        resume: go on with the run that the folder holds.
        given: settings of the method by name, without those that were left to it.
    """

    method: str
    data: Given
    out: Path
    validation: str | None = None
    part: Part = "all"
    device: Device = "auto"
    seed: int = 0
    resume: bool = False
    given: Mapping[str, Any] = field(default_factory=dict)


def method_named(name: str) -> str:
    """The method's whole name. DataError names the known ones."""
    found = SHORT.get(name, name)
    if found not in METHODS:
        raise DataError(f"there is no method '{name}' to train; known are {', '.join(METHODS)}")
    return found


def settings_of(order: TrainConfig) -> Settings | RewardSettings:
    """The method's settings.

    Raises:
        DataError: one of them makes no sense.
        MissingExtra: the packages for training are not installed.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtra("Training needs: pip install 'personalrm[train]'.") from error
    if order.method == BRADLEY_TERRY:
        return _reward_settings(order)
    from personalrm.models.learned import Settings

    given = dict(order.given)
    if (epochs := given.get("epochs")) is not None:
        if epochs != int(epochs):
            raise DataError(f"--epochs: {order.method} makes whole passes, not {epochs:g}")
        given["epochs"] = int(epochs)
    return Settings(order.method, seed=order.seed, **given)  # type: ignore[arg-type]


def _reward_settings(order: TrainConfig) -> RewardSettings:
    from personalrm.models.reward_model import settings_for

    given = dict(order.given)
    return settings_for(given.pop("backbone", "minilm"), device=order.device, seed=order.seed, **given)
