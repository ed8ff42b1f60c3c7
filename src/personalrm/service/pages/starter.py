"""Starter questions for spaces without their own: pairs of answers that differ in style."""

from __future__ import annotations

from functools import cache

import orjson

from personalrm.data.candidates import Candidate
from personalrm.preferences import Message, group_of
from personalrm.service.pages.rendering import ASSETS


@cache
def starter_pairs() -> tuple[Candidate, ...]:
    """The twelve starter pairs, written for this project."""
    found = []
    for one in orjson.loads((ASSETS / "starter_pairs.json").read_bytes()):
        context = (Message("user", one["prompt"]),)
        found.append(Candidate(one["id"], group_of(context, one["a"], one["b"]), context, one["a"], one["b"]))
    return tuple(found)
