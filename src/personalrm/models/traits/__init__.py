"""The embedded engine, from a text to a person's taste.

| module | what it does |
|---|---|
| `features`, `lexicon` | a response and its context → named traits |
| `fit`, `person` | traits of a person's choices → the person's weights, and whether they help |
| `design` | readings as columns that are worth alike |
| `prior`, `learning`, `train_prior` | other people's choices → what to expect of anybody |
| `persona` | weights → claims with evidence, and the Profile |
| `sense` | what a sentence encoder adds (extra `encoder`) |
| `model` | the whole: `TraitsModel` |
"""

from __future__ import annotations

from personalrm.models.traits.held_out import leave_group_out, predict_parts
from personalrm.models.traits.model import TraitsModel

__all__ = ["TraitsModel", "leave_group_out", "predict_parts"]
