"""The prior that comes with the package, and the people it was learned from.

shipped_prior().lineage["sources"]                # ["prism.jsonl.gz", "mt_bench.jsonl.gz"]
shipped_people().holds_history(history)           # True: predicting this person with it proves nothing
is_shipped(prior.lineage, encoder=False)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import orjson

from personalrm.models.traits.prior import Prior
from personalrm.profile.provenance import Lineage, stamp_of_prior

PEOPLE = "people"
"""Beside the prior's own fields in its file: the `Lineage` of those it was learned from. Profiles do not copy it."""


def shipped_prior(*, encoder: bool = False) -> Prior:
    """The prior; with ``encoder`` the one that also uses sentence embeddings."""
    return Prior.from_json(_file(encoder))


@cache
def shipped_state(*, encoder: bool = False) -> Mapping[str, Any]:
    """The prior as profiles hold it; not to be changed. Once a process: it takes 1.5 ms, which every fit would pay."""
    return shipped_prior(encoder=encoder).as_json()


@cache
def shipped_people(*, encoder: bool = False) -> Lineage:
    """Everybody whose choices it was learned from."""
    return Lineage.from_json(_file(encoder)[PEOPLE])


@cache
def shipped_stamp(*, encoder: bool = False) -> str:
    """32 hex digits that change with the prior's numbers."""
    return stamp_of_prior(_file(encoder))


def is_shipped(lineage: Mapping[str, Any], *, encoder: bool) -> bool:
    """Whether a prior's lineage is that of one that a version of this package shipped: it names the same recipe."""
    ours = _file(encoder)["lineage"]
    return all(lineage.get(one) == ours[one] for one in ("sources", "command"))


@cache
def _file(encoder: bool) -> dict[str, Any]:
    name = "prior_encoder.json" if encoder else "prior.json"
    found: dict[str, Any] = orjson.loads(resources.files(__package__).joinpath(name).read_bytes())
    return found
