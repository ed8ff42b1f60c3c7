"""A short name for exactly these choices with these labels."""

from __future__ import annotations

from hashlib import blake2b

from personalrm.preferences import History


def fingerprint(history: History) -> str:
    """16 hex digits that change with any id, text or label of the history."""
    state = blake2b(digest_size=8)
    for one in history:
        for part in (one.id, *(turn.content for turn in one.context), one.chosen, one.rejected, str(one.tie)):
            state.update(part.encode("utf-8", "surrogatepass"))
            state.update(b"\0")
    return state.hexdigest()
