"""FastChat's arena logs: votes on two conversations. Log lines of other types have no choice.

Users are identified by their IP address, of which only a hash is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from personalrm.data.fields import Fields, describe
from personalrm.data.formats.base import Format
from personalrm.data.formats.lmarena import battle
from personalrm.errors import RowError

_VOTES = {"leftvote": "model_a", "rightvote": "model_b", "tievote": "tie", "bothbad_vote": "tie (bothbad)"}


def rows(row: Fields) -> Iterator[Fields]:
    winner, states = _VOTES.get(str(row["type"])), row["states"]
    if winner is None:
        return
    if not isinstance(states, list) or len(states) != 2 or not all(isinstance(one, Mapping) for one in states):
        raise RowError("two conversations", field="states", found=describe(states))
    models = row["models"] if isinstance(row["models"], list) and len(row["models"]) == 2 else [None, None]
    said = {"model_a": models[0] or None, "model_b": models[1] or None, "winner": winner, "tstamp": row.get("tstamp")}
    ip = row.get("ip")
    if isinstance(ip, str) and ip:
        said["judge"] = f"arena_user_{blake2b(ip.encode(), digest_size=6).hexdigest()}"
    yield battle({**said, "conversation_a": _turns(states[0]), "conversation_b": _turns(states[1])})


def _turns(state: Mapping[str, Any]) -> list[Any]:
    """The messages after those of the template, without empty ones (such as an answer that was not started)."""
    listed = state.get("messages")
    offset = state.get("offset")
    turns = listed[offset if isinstance(offset, int) else 0 :] if isinstance(listed, list) else []
    said = [{"role": one[0], "content": one[1]} for one in turns if isinstance(one, list) and len(one) == 2 and one[1]]
    system = state.get("system_message")
    return [{"role": "system", "content": system}, *said] if isinstance(system, str) and system else said


FORMATS = (Format("FastChat vote logs", ("tstamp", "type", "models", "states"), rows, ("ip",)),)
