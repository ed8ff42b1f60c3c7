"""The embedded engine, from texts to a person's weights.

| module | contents |
|---|---|
| `features`, `lexicon` | from a response and its context to named traits |
| `fit`, `person` | from traits of a person's choices to the person's weights, and whether these help |
| `design` | features as columns of comparable scale |
| `prior`, `learning`, `train_prior` | from other people's choices to the prior |
| `persona` | from weights to claims with evidence, and the Profile |
| `sense` | sentence embeddings (extra `encoder`) |
| `model` | `TraitsModel`, the interface |
"""

from __future__ import annotations

from personalrm.models.traits.held_out import leave_group_out, predict_parts
from personalrm.models.traits.model import TraitsModel

__all__ = ["TraitsModel", "leave_group_out", "predict_parts"]
