"""Every prompt is a text file in this folder; its hash goes into profiles and results.

load("persona")        the text
hashes()               {"persona": "3f0c…", …} of all prompts
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from importlib.resources import files


@cache
def load(name: str) -> str:
    """The text of ``name``.txt without the line break at its end."""
    return files(__name__).joinpath(f"{name}.txt").read_text("utf-8").rstrip("\n")


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(one.name[:-4] for one in files(__name__).iterdir() if one.name.endswith(".txt")))


def hashes() -> dict[str, str]:
    """Name → 16 hex digits of the text's hash, for every prompt."""
    return {name: blake2b(load(name).encode(), digest_size=8).hexdigest() for name in _names()}
