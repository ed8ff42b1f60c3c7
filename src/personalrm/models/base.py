"""The seam every predictor fits: learn from a history, then compare and, where scalar, score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from personalrm.preferences import History, Message, Verdict


class PreferenceModel(Protocol):
    """A predictor of one person's choices.

    ``fit`` returns a new, fitted model and leaves the receiver as it is, so that one population model
    can be fitted to many people.
    """

    def fit(self, history: History) -> PreferenceModel:
        """Learn one person's taste from their choices."""
        ...

    def compare(self, context: Sequence[Message], a: str, b: str) -> Verdict:
        """Predict which of two responses the person prefers."""
        ...
