"""Public data sets with identified users: a catalogue (`catalogue`), and fetching one as choices (`getting`).

SETS                                   # every data set: repository, licence, limitations
got = get("multipref", "multipref")    # multipref/choices.jsonl and multipref/manifest.json
"""

from __future__ import annotations

from personalrm.data.hub.catalogue import SETS, PublicSet, named
from personalrm.data.hub.getting import Got, get

__all__ = ["SETS", "Got", "PublicSet", "get", "named"]
