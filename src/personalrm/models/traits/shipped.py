"""The shipped prior, and the lineage of the people it was learned from.

shipped_prior().lineage["sources"]                # ["prism.jsonl.gz", "mt_bench.jsonl.gz", "crowdrag.jsonl.gz"]
shipped_people().holds_history(history)           # True: accuracy on this person is no evidence
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
"""Key in the prior's file of the `Lineage` of its training people; profiles do not contain it."""


_SETS_BEFORE = ["prism.jsonl.gz", "mt_bench.jsonl.gz"]
"""Training data of the priors before CrowdRAG; profiles that were fitted with them contain that lineage."""


def shipped_prior(*, encoder: bool = False) -> Prior:
    """The shipped prior; with ``encoder`` the one that also uses sentence embeddings."""
    return Prior.from_json(_file(encoder))


@cache
def shipped_state(*, encoder: bool = False) -> Mapping[str, Any]:
    """The prior's JSON state as in profiles, cached because it takes 1.5 ms; callers must not change it."""
    return shipped_prior(encoder=encoder).as_json()


@cache
def shipped_people(*, encoder: bool = False) -> Lineage:
    """Lineage of the people whose choices the shipped prior was learned from."""
    return Lineage.from_json(_file(encoder)[PEOPLE])


@cache
def shipped_stamp(*, encoder: bool = False) -> str:
    """Hash of the prior's numbers, 32 hex digits."""
    return stamp_of_prior(_file(encoder))


def is_shipped(lineage: Mapping[str, Any], *, encoder: bool) -> bool:
    """Whether a lineage has the sources and the command of the shipped prior, of any version of the package."""
    now = _file(encoder)["lineage"]
    before = f"python -m personalrm.models.traits.train_prior {' '.join(_SETS_BEFORE)}{' --encoder' * encoder}"
    known = ((now["sources"], now["command"]), (_SETS_BEFORE, before))
    return (lineage.get("sources"), lineage.get("command")) in known


@cache
def _file(encoder: bool) -> dict[str, Any]:
    name = "prior_encoder.json" if encoder else "prior.json"
    found: dict[str, Any] = orjson.loads(resources.files(__package__).joinpath(name).read_bytes())
    return found
