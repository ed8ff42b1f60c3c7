"""The two levels of splits: users into train, validation and test; each user's choices into context and target.

people_apart(["ada", "bob", "eve"], Thresholds())     # {"ada": "test", …}; order and repeats do not matter
fixed(history, Thresholds())                          # every choice with its `split`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import blake2b

from personalrm.curation.thresholds import Thresholds
from personalrm.data.splits import context_target
from personalrm.preferences import History


def people_apart(users: Iterable[str], thresholds: Thresholds) -> Mapping[str, str]:
    """Return each user's split, drawn from a hash of name and seed; sizes are the rounded shares."""
    people = sorted(set(users), key=lambda user: (_draw(thresholds.seed, user), user))
    train = round(thresholds.train * len(people))
    validation = min(round(thresholds.validation * len(people)), len(people) - train)
    names = ["train"] * train + ["validation"] * validation + ["test"] * (len(people) - train - validation)
    return dict(zip(people, names, strict=True))


def fixed(history: History, thresholds: Thresholds) -> History:
    """Return the history with `split` set: earlier conversations are context, the latest are target, each one whole.

    A user with a single conversation has context only.
    """
    _, targets = context_target(history, thresholds.target, thresholds.seed)
    held = {one.group for one in targets}
    return history.only(replace(one, split="target" if one.group in held else "context") for one in history)


def _draw(seed: int, user: str) -> bytes:
    return blake2b(f"{seed}\0curation\0{user}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
