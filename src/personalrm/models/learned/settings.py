"""Settings of the learned methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

from personalrm.errors import DataError
from personalrm.files import NO_OTHERS

Name = Literal["gpo", "vpl", "pal", "lore", "pref"]
METHODS: tuple[Name, ...] = get_args(Name)
FEATURES = "traits+minilm"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a training that change its result.

    Attributes:
        method: one of `METHODS`.
        features: ``traits``, an encoder's name (``minilm``, ``hf:PATH``, ``endpoint:MODEL``) or ``traits+`` and a name.
        published: as in the paper: no shared population-level reward, and a stored vector for each training user where
            the paper has one (PAL, LoRe, PReF).
        members: size of the ensemble; each member stops early on its own fold of people.
        epochs, patience: maximum epochs, and epochs without a better validation loss before training stops.
        learning_rate: of AdamW; None takes the method's default.
        batch_people: users per step.
        seed: random seed.
        new_texts: whether the model will predict texts that its training users have not judged, as in real use: the
            shared reward is cross-fitted over texts as well.
    """

    __pydantic_config__: ClassVar[Any] = NO_OTHERS  # an unknown setting is an error
    method: Name
    features: str = FEATURES
    published: bool = False
    members: int = 5
    epochs: int = 60
    patience: int = 8
    learning_rate: float | None = None
    batch_people: int = 32
    seed: int = 0
    new_texts: bool = True

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise DataError(f"unknown method '{self.method}': expected one of {', '.join(METHODS)}")
        for name, least in (("members", 1), ("epochs", 1), ("patience", 1), ("batch_people", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise DataError(f"{name}: expected at least {least}, found {getattr(self, name)}")
        if self.learning_rate is not None and not 0.0 < self.learning_rate < 10.0:
            raise DataError(f"learning_rate: expected a number above 0 and below 10, found {self.learning_rate}")

    @property
    def label(self) -> str:
        """The method's name in results."""
        return f"{self.method}:published" if self.published else self.method
