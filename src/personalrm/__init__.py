"""Personalised reward models: a few choices of one person become a persona, a judge prompt and a reward.

The public names are imported on first use, so that ``import personalrm`` costs almost nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from personalrm.data.candidates import Candidate, read_candidates
    from personalrm.data.reading import read_choices, read_history, read_people
    from personalrm.errors import (
        BudgetSpent,
        DataError,
        EndpointError,
        EndpointRefused,
        Interrupted,
        MissingExtra,
        PersonalrmError,
        ProfileError,
        RowError,
        StorageError,
        TrainingFailed,
        Unreachable,
        UnusableResponse,
    )
    from personalrm.llm.ledger import Prices
    from personalrm.models.acquisition import Question
    from personalrm.models.base import Ranking
    from personalrm.preferences import History, Message, Preference, Verdict
    from personalrm.profile.records import Claim, Persona, Profile
    from personalrm.synthesizeme import SynthesizeMe

__version__ = "0.1.0"

_HOMES = {
    "BudgetSpent": "errors",
    "Candidate": "data.candidates",
    "Claim": "profile.records",
    "DataError": "errors",
    "EndpointError": "errors",
    "History": "preferences",
    "Interrupted": "errors",
    "Message": "preferences",
    "MissingExtra": "errors",
    "Persona": "profile.records",
    "PersonalrmError": "errors",
    "Preference": "preferences",
    "Prices": "llm.ledger",
    "Profile": "profile.records",
    "ProfileError": "errors",
    "Question": "models.acquisition",
    "Ranking": "models.base",
    "EndpointRefused": "errors",
    "RequestRefused": "errors",
    "RowError": "errors",
    "StorageError": "errors",
    "SynthesizeMe": "synthesizeme",
    "TrainingFailed": "errors",
    "Unreachable": "errors",
    "UnusableResponse": "errors",
    "Verdict": "preferences",
    "read_candidates": "data.candidates",
    "read_choices": "data.reading",
    "read_history": "data.reading",
    "read_people": "data.reading",
}

__all__ = [
    "BudgetSpent",
    "Candidate",
    "Claim",
    "DataError",
    "EndpointError",
    "EndpointRefused",
    "History",
    "Interrupted",
    "Message",
    "MissingExtra",
    "Persona",
    "PersonalrmError",
    "Preference",
    "Prices",
    "Profile",
    "ProfileError",
    "Question",
    "Ranking",
    "RequestRefused",
    "RowError",
    "StorageError",
    "SynthesizeMe",
    "TrainingFailed",
    "Unreachable",
    "UnusableResponse",
    "Verdict",
    "read_candidates",
    "read_choices",
    "read_history",
    "read_people",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'personalrm' has no attribute '{name}'")
    return getattr(importlib.import_module(f"personalrm.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
