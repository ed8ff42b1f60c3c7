"""lm-evaluation-harness: a metric that says how much a document's user likes what the model generated.

    # metric.py beside the task's YAML, which says: process_results: !function metric.process_results
    from personalrm.integrations.lm_evaluation_harness import process_results

The user stands in the document's field ``user_id``, what was asked in ``question``, an answer to compare with in
``reference``. PERSONALRM_PROFILES names the folder of ``USER.json``. `examples/lm_eval` is a task that runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from personalrm.integrations.promptfoo import preference

METRIC = "personal_preference"


def process_results(doc: Mapping[str, Any], results: Sequence[str | None]) -> dict[str, float]:
    """The metric of one document, as the harness calls it for a task of ``output_type: generate_until``.

    Returns:
        `METRIC`: with a reference the probability that the user prefers the output to it, else the share of a normal
        distribution below the output's z-score among the user's past responses; nothing where it could not be scored,
        so that the document does not count.

    Raises:
        DataError: no ``user_id``, no profile of that user, or PERSONALRM_PROFILES is not set.
    """
    output = results[0] if results else None
    score, _ = preference(doc.get("user_id"), str(doc.get("question") or ""), output, doc.get("reference"))
    return {} if score is None else {METRIC: score}
