"""The embedded engine: a Bradley–Terry model with a population's and a person's weights of text traits.

| module | contents |
|---|---|
| `model`, `crowd`, `held_out` | `TraitsModel`, the interface; predictions for many people; held-out choices |
| `features`, `lexicon`, `reader` | named traits of a response in its context; traits of many texts as matrices |
| `embedding_weights` | similarity and sentence embeddings of responses (extra `encoder`) |
| `design`, `fit` | features as scaled columns; the population's weights |
| `prior`, `learning`, `covariance`, `train_prior`, `shipped` | the prior, learned from a population or shipped |
| `posterior`, `newton`, `person`, `gain` | a person's weights, and whether they are expected to improve predictions |
| `rankings`, `thumbs`, `softmax`, `whole` | complete rankings and thumbs as evidence |
| `online`, `changes`, `forgetting` | updates without refitting, changes of preferences, exponential forgetting |
| `sure` | confidence thresholds with a guaranteed error rate |
| `claims`, `axes`, `wording`, `persona` | claims with evidence, their wording, and the Profile |
"""

from __future__ import annotations

from personalrm.models.traits.held_out import leave_group_out, predict_parts
from personalrm.models.traits.model import TraitsModel

__all__ = ["TraitsModel", "leave_group_out", "predict_parts"]
