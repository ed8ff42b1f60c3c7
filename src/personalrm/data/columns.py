"""The names under which columns are known, a tuple for each meaning; of several the first that holds something counts.

"context" in PROMPTS, "rating" in SCORE        # True, True
"""

from __future__ import annotations

from collections.abc import Mapping

from personalrm.preferences import Part

PEOPLE = ("user", "user_id", "annotator", "annotator_id", "worker_id")
PROMPTS = ("context", "prompt", "messages", "question", "instruction")
SIDES = (("response_a", "response_b"), ("a", "b"))
"""Two responses of which another column names the winner."""
LISTS = ("responses", "completions")
SCORES = ("scores", "ratings")
"""One score for each of a row's `LISTS`."""
ONE = ("response", "completion")
SCORE = ("score", "rating", "overall_score")
TEXTS = ("content", "response", "text", "completion")
"""Where an object of a `LISTS` holds its text."""

IDS = ("id", "pair_id", "comparison_id")
GROUPS = ("group", "group_id", "conversation_id")
DOMAINS = ("domain", "type", "conversation_type", "category")
TIMES = ("time", "timestamp", "tstamp", "generated_datetime", "created_at", "date")
DEMOGRAPHICS = ("demographics", "profile")
SPLITS: Mapping[str, Part] = {
    "context": "context",
    "train": "context",
    "val": "context",
    "target": "target",
    "test": "target",
}
"""What a benchmark's ``split`` says of a choice: the published sets learn from train and val, and predict test."""
