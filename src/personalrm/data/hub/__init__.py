"""Public data sets with people in them: what there is (`catalogue`), and fetching one as choices of ours (`getting`).

SETS                                   # every set: where it lies, its licence, what it lacks
got = get("multipref", "multipref")    # multipref/choices.jsonl and multipref/manifest.json
"""

from __future__ import annotations

from personalrm.data.hub.catalogue import SETS, PublicSet, named
from personalrm.data.hub.getting import Got, get

__all__ = ["SETS", "Got", "PublicSet", "get", "named"]
