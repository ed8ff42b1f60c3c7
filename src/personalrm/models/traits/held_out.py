"""A person's choices predicted from their other choices, as if each group of them were new."""

from __future__ import annotations

import numpy as np

from personalrm.models.traits import fit as maths
from personalrm.models.traits.features import Array
from personalrm.models.traits.model import TraitsModel
from personalrm.models.traits.person import predict_group
from personalrm.preferences import History


def leave_group_out(model: TraitsModel, history: History) -> Array:
    """Probability of each decided choice (n,), predicted from the person's choices in other groups.

    The same as fitting once a group and comparing, but each text is read once.
    """
    decided = history.decided
    if not decided:
        return np.zeros(0)
    evidence = model.evidence_of(history)
    logit = np.zeros(len(decided))
    for group in evidence.groups:
        logit[group] = predict_group(evidence, group, model.prior.covariance, model.prior.gain)
    return maths.sigmoid(logit)
