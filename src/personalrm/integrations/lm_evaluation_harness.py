"""lm-evaluation-harness: a metric of how much a document's user likes the generated text.

    # metric.py beside the task's YAML, which contains: process_results: !function metric.process_results
    from personalrm.integrations.lm_evaluation_harness import process_results

Fields of a document: ``user_id`` names the user, ``question`` is the user's message, and ``reference`` is an optional
answer to compare with. PERSONALRM_PROFILES names the folder of ``USER.json``. `examples/lm_eval` is a complete task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from personalrm.integrations.promptfoo import preference

METRIC = "personal_preference"


def process_results(doc: Mapping[str, Any], results: Sequence[str | None]) -> dict[str, float]:
    """The metric of one document, as the harness calls it for a task of ``output_type: generate_until``.

    Returns:
        ``{METRIC: score}`` with the score of `personalrm.integrations.promptfoo.get_assert`; an empty dict if the
        output could not be scored, so that the document is not counted.

    Raises:
        DataError: no ``user_id``, no profile of that user, or PERSONALRM_PROFILES is not set.
    """
    output = results[0] if results else None
    score, _ = preference(doc.get("user_id"), str(doc.get("question") or ""), output, doc.get("reference"))
    return {} if score is None else {METRIC: score}
