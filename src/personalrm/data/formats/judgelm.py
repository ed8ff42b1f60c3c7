"""JudgeLM: two answers and a list of their two scores; equal scores are a tie."""

from __future__ import annotations

from collections.abc import Iterator

from personalrm.data.fields import Fields, describe, number
from personalrm.data.formats.base import Format
from personalrm.data.unpacking import structured
from personalrm.errors import RowError


def rows(row: Fields) -> Iterator[Fields]:
    scores = structured(row["score"], "score")
    if not isinstance(scores, list) or len(scores) != 2:
        raise RowError("a list of two scores", field="score", found=describe(scores))
    yield {
        "id": row.get("question_id"),
        "prompt": row["question_body"],
        "response_1": row["answer1_body"],
        "response_2": row["answer2_body"],
        "score_1": number(scores[0], "score.0"),
        "score_2": number(scores[1], "score.1"),
    }


_READS = ("question_id", "answer1_model_id", "answer2_model_id", "answer1_metadata", "answer2_metadata")
FORMATS = (Format("JudgeLM", ("question_body", "answer1_body", "answer2_body", "score"), rows, _READS),)
