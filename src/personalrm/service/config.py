"""Settings of the service, from flags and ``PERSONALRM_*`` environment variables, in one record.

A flag takes precedence over its variable, a variable over the default: ``ServiceConfig.from_environment(port=9000)``.
"""

from __future__ import annotations

import ipaddress
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from personalrm.errors import DataError

OPEN_SPACE = "open"
"""The space that `--open` serves without a key."""
_PREFIX = "PERSONALRM_"


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """See the module's docstring. A field's variable is ``PERSONALRM_`` and the field's name in capitals.

    Attributes:
        host, port: where to listen; port 0 selects a free port.
        database: URL; None is the SQLite file in the user's data folder.
        model, base_url: the engine, as in `Client`; None is the embedded engine.
        upstream, upstream_key: URL and key of the OpenAI-compatible host for chats. Default: ``base_url`` and
            OPENAI_API_KEY, else OpenAI's API if a key is set.
        open: serve the space ``open`` without a key, on loopback only.
        max_body: maximum bytes of a request's body.
        timeout: seconds until a request is aborted; requests to a model at an endpoint get four times as long.
        in_flight: requests processed at the same time; further requests get status 429.
        rate: requests per second and key, averaged over a few seconds.
        workers: threads that refit profiles (one more learns new choices); 0 leaves both to another service.
        debounce: seconds without a new choice after which a profile is refitted.
        debounce_most: seconds after which it is refitted even if choices keep arriving.
        opened: number of predictors kept in memory.
        trained: folders of trained models, separated by ``:``; an erasure searches their lineage.
        cache: file of the response cache; None is the user's cache folder.
        grace: seconds for running requests to end when the service stops.
        request_log: ``json`` or ``off``. (PERSONALRM_LOG is the level of the library's own log.)
    """

    host: str = "127.0.0.1"
    port: int = 8000
    database: str | None = field(default=None, repr=False)
    model: str | None = None
    base_url: str | None = field(default=None, repr=False)
    upstream: str | None = field(default=None, repr=False)
    upstream_key: str | None = field(default=None, repr=False)
    open: bool = False
    max_body: int = 8 << 20
    timeout: float = 30.0
    in_flight: int = 256
    rate: float = 5000.0
    workers: int = 1
    debounce: float = 5.0
    debounce_most: float = 60.0
    opened: int = 4096
    trained: str = ""
    cache: str | None = field(default=None, repr=False)
    grace: float = 10.0
    request_log: str = "json"

    def __post_init__(self) -> None:
        for name, least in (("port", 0), ("max_body", 1024), ("in_flight", 1), ("workers", 0), ("opened", 1)):
            _check(name, getattr(self, name), least)
        for name in ("timeout", "rate", "debounce", "debounce_most", "grace"):
            _check(name, getattr(self, name), 0)
        if self.port > 65535:
            raise DataError(f"port: expected 0 to 65535, found {self.port}")
        if self.request_log not in ("json", "off"):
            raise DataError(f"request_log: expected json or off, found '{self.request_log}'")
        if self.open and not self.is_loopback:
            raise DataError(f"--open serves without a key and needs a loopback address: {self.host} is not one")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: Any) -> ServiceConfig:
        """Arguments, else the environment, else the defaults. DataError names the invalid variable."""
        found = os.environ if environment is None else environment
        values = {
            one.name: _read(_PREFIX + one.name.upper(), found[_PREFIX + one.name.upper()], str(one.type))
            for one in fields(cls)
            if found.get(_PREFIX + one.name.upper())
        }
        return cls(**{**values, **{name: value for name, value in given.items() if value is not None}})

    @property
    def is_loopback(self) -> bool:
        """Whether the address is reachable from this machine only."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def trained_folders(self) -> tuple[str, ...]:
        """Folders of trained models, including the one that predicts."""
        named = [one for one in self.trained.split(os.pathsep) if one]
        if self.model is not None and self.model.startswith("trained:"):
            named.append(self.model.removeprefix("trained:"))
        return tuple(dict.fromkeys(named))


def _check(name: str, value: float, least: float) -> None:
    if not least <= value < math.inf:
        raise DataError(f"{name}: expected a number from {least} on, found {value}")


def _read(variable: str, text: str, kind: str) -> Any:
    try:
        if kind == "int":
            return int(text)
        if kind == "float":
            return float(text)
    except ValueError:
        raise DataError(f"{variable}: expected a number, found '{text}'") from None
    if kind == "bool":
        if text.lower() not in ("0", "1", "true", "false"):
            raise DataError(f"{variable}: expected 0 or 1, found '{text}'")
        return text.lower() in ("1", "true")
    return text
