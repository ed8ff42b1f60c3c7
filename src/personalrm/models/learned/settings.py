"""What a learned method is trained with."""

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
    """How a method is trained; everything that changes what comes out.

    Attributes:
        method: which.
        features: ``traits``, an encoder's name (``minilm``, ``hf:PATH``, ``endpoint:MODEL``) or ``traits+`` such a one.
        published: as in the paper: nothing is taken from what everybody likes, and where the paper keeps a vector for
            each person of training (PAL, LoRe, PReF), so is it here.
        members: models in the ensemble; each one stops early by the people of its own fold.
        epochs, patience: most passes over all people, and how many without a better validation before it ends.
        learning_rate: of Adam; None takes the method's own.
        batch_people: people a step.
        seed: of everything that is drawn.
    """

    __pydantic_config__: ClassVar[Any] = NO_OTHERS  # a setting that is not known is not left out in silence
    method: Name
    features: str = FEATURES
    published: bool = False
    members: int = 5
    epochs: int = 60
    patience: int = 8
    learning_rate: float | None = None
    batch_people: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise DataError(f"there is no method '{self.method}'; known are {', '.join(METHODS)}")
        for name, least in (("members", 1), ("epochs", 1), ("patience", 1), ("batch_people", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise DataError(f"{name}: expected at least {least}, found {getattr(self, name)}")
        if self.learning_rate is not None and not 0.0 < self.learning_rate < 10.0:
            raise DataError(f"learning_rate: expected a number above 0 and below 10, found {self.learning_rate}")

    @property
    def label(self) -> str:
        """What results call it."""
        return f"{self.method}:published" if self.published else self.method
