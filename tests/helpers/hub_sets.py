"""Small versions of the public data sets: files with the published columns and fictional people."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence
from typing import Any

from published_files import arena_rows, conversation, published_row, survey_row, turn

from personalrm.data.hub.catalogue import named

Row = dict[str, Any]
ASKED, SHORT, LONG = "How long does an egg take?", "Eight minutes.", "That depends on many things, such as its size."


def parquet(rows: Sequence[Row]) -> bytes:
    import pyarrow.parquet

    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), stream)
    return stream.getvalue()


def lines(rows: Sequence[Row]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in rows)


def table(rows: Sequence[Row]) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def community() -> Row:
    offered = dict(zip("abcd", (SHORT, LONG, "Six.", "Ten."), strict=True))
    return {
        "conversation_id": "c1",
        "annotator_id": "ann",
        "first_turn_prompt": ASKED,
        **{f"first_turn_response_{letter}": said for letter, said in offered.items()},
        "first_turn_preferred_response": "response_b",
        "first_turn_feedback": "kind",
    }


def multipref() -> Row:
    told = [{"evaluator": f"w{at}", "overall_pref": one} for at, one in enumerate(("A-is-clearly-better", "Tie"))]
    expert = [{"evaluator": "e", "overall_pref": "B-is-slightly-better"}]
    both = {"normal_worker_annotations": told, "expert_worker_annotations": expert}
    return {"comparison_id": "c", "text": ASKED, "completion_a": SHORT, "completion_b": LONG, **both}


def summaries(at: int) -> Row:
    info = {"id": f"t{at}", "post": f"{ASKED} {at}", "title": "Eggs", "subreddit": "s"}
    return {"info": info, "summaries": [{"text": SHORT}, {"text": LONG}], "choice": at % 2, "worker": f"w{at}"}


def crowdrag() -> dict[str, bytes]:
    """Five workers on one pair: two for a, two for b (one of them certainly spam), one for neither."""
    texts = [
        {"response": name, "topic": "7", "style": "news", "query": ASKED, "text": f"{text} [1]", "cleaned_text": text}
        for name, text in (("r1", SHORT), ("r2", LONG))
    ]
    rated = {
        "query_id": "7",
        "response_a": "r1",
        "response_b": "r2",
        "worker": [f"w{at}" for at in range(5)],
        "quality_overall_vote": ["a", "a", "b", "b", "n"],
        "quality_overall_spam_probability": [0.0, 0.25, 0.5, 1.0, 0.0],
    }
    return {"responses.jsonl.gz": gzip.compress(lines(texts)), "ratings.jsonl.gz": gzip.compress(lines([rated]))}


def prism() -> dict[str, bytes]:
    """Two people; the scores of one pair in three differ by less than 10 points."""
    history = turn(0, ASKED, [(SHORT, 90), (LONG, 20), ("Six.", 85)])
    talks = [conversation(f"user{at}", f"c{at}", history) for at in range(2)]
    return {"conversations.jsonl": lines(talks), "survey.jsonl": lines([survey_row(f"user{at}") for at in range(2)])}


def repos() -> dict[str, dict[str, bytes]]:
    """The repository of every set, each with additional files that must not be downloaded."""
    benchmark = parquet([published_row("train", 0, {"gpt": ("first", "second")}, 1.0)])
    files = {
        "prism": {**prism(), "utterances.jsonl": b"x" * 500, "metadata.jsonl": b"{}"},
        "arena-33k": {"data/train-00000-of-00001-cced8514c7ed782a.parquet": parquet(arena_rows(3, choices=4))},
        "arena-100k": {
            "data/arena-explorer-preference-100k.parquet": parquet(_hashed()),
            "data/embeddings.parquet": b"PAR1" * 99,
        },
        "community-alignment": {
            "data/filtered_community_alignment.csv": table([community()]),
            "data/full_community_alignment.csv": table([community()]),
        },
        "multipref": {"data/original-00000-of-00001.parquet": parquet([multipref()])},
        "summarize-from-feedback": {
            "comparisons/train/0000.parquet": parquet([summaries(0), summaries(1)]),
            "comparisons/validation/0000.parquet": parquet([summaries(2)]),
            "axis/test/0000.parquet": b"PAR1" * 99,
        },
        "prb-prism": {"data/train-00000-of-00001.parquet": benchmark},
        "prb-arena": {"data/train-00000-of-00001.parquet": benchmark},
    }
    return {str(named(name).repo): {**some, "README.md": b"# card"} for name, some in files.items()}


def _hashed() -> list[Row]:
    return [{**{k: v for k, v in one.items() if k != "judge"}, "judge_hash": one["judge"]} for one in arena_rows(2, 3)]
