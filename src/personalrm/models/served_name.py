"""Names of served reward models: ``vllm-classify:NAME@URL``.

parse_served("vllm-classify+persona:Skywork@http://localhost:8000").plain       # "vllm-classify+persona:Skywork"
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from personalrm.errors import DataError

PROTOCOLS: dict[str, Literal["vllm", "sglang"]] = {"vllm-classify": "vllm", "sglang-classify": "sglang"}
PERSONA = "+persona"


class ServedName(NamedTuple):
    """The parts of a name."""

    kind: str
    persona: bool
    model: str
    url: str | None

    @property
    def plain(self) -> str:
        """The name without the URL, as stored in profiles."""
        return f"{self.kind}{PERSONA if self.persona else ''}:{self.model}"


def parse_served(name: str) -> ServedName:
    """The parts of a name. DataError if the model is missing."""
    begins, _, rest = name.partition(":")
    model, found, url = rest.rpartition("@http")
    if not found:
        model, url = rest, ""
    if not model:
        raise DataError(f"'{begins}:' needs the name of a served model: {begins}:NAME@http://HOST:PORT")
    kind = begins.removesuffix(PERSONA)
    return ServedName(kind, begins != kind, model, f"http{url}" if found else None)


def is_served(name: str) -> bool:
    """Whether the name is that of a served reward model."""
    return ":" in name and name.partition(":")[0].removesuffix(PERSONA) in PROTOCOLS


def without_url(name: str) -> str:
    """Any model's name without a URL, as stored in results."""
    return parse_served(name).plain if is_served(name) else name
