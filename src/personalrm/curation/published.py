"""Published counts of PersonalRewardBench's curation, for comparison with ours; never measured here.

Source: arXiv 2506.05598 and the published sets. Their thresholds are not published: ours need not give equal counts.
"""

from __future__ import annotations

from collections.abc import Mapping

PUBLISHED: Mapping[str, Mapping[str, str]] = {
    "prism": {
        "as published": "1,396 users, 8,011 conversations",
        "score gap": "43.5k pairs (what the reward models are trained on)",
        "user filter": "train 20,744 and validation 5,134 pairs",
        "user filter again": "723 users",
    },
    "arena": {
        "as published": "33k pairs",
        "decided": "23k pairs (what the reward models are trained on)",
        "user filter": "10.1k pairs",
        "user filter again": "131 users",
        "train": "305 pairs",
        "validation": "235 pairs",
        "test": "798 pairs",
    },
}
"""Data set → closest step or split of ours → published counts."""
