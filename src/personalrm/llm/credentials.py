"""Every credential of a host, and the one function that removes them from a text.

Whatever a host sent back passes `Credentials.scrub` before it reaches an error, a log, the cache or an artefact: the
API key, user and password of the URL, values in the URL's query, those of the proxy, and the forms in which they travel
(base64 of the Basic scheme, percent-encoding, JSON escapes). Parts of a credential are removed as well: hosts echo
keys cut off or with stars in the middle.

    Credentials.of("sk-live-0123456789", "https://me:pa%40ss@host/v1").scrub("Basic bWU6cGFAc3M= refused")
    # "Basic [key] refused"
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

MASK = "[key]"
LONG = 8
"""Shorter credentials are words or stand-ins of local servers ("EMPTY", "ollama"), which answers may hold as words."""
SHORTEST_PART = 6
"""Characters in a row of a long credential that are removed."""
_GRAM = 3
_STEP = SHORTEST_PART - _GRAM + 1
_LONGEST_SEARCHED = 2_000
"""Characters of a complaint searched for what looks like a key: the patterns are quadratic in text without a blank."""
_LOOKS_LIKE_A_KEY = re.compile(
    r"\b(?:Bearer|Basic)\s+[\w\-*.~+/=]{6,}|\b(?:sk|pk|rk|key)[-_][\w\-*.]{6,}|(?<!\S)\S*?\*{3}\S*", re.IGNORECASE
)
_USER_IN_URL = re.compile(r"(?<=://)[^\s@/]*@|(?<![^\s'\"(])[^\s@/:]{1,80}:[^\s@/]{1,200}@")
_ELIDED = re.compile(r"([\w\-+/=]{2,12})(?:\.{2,}|…|\*{1,})([\w\-+/=]{2,12})")
_PUBLIC_QUERY = frozenset({"api-version", "api_version", "version", "deployment", "model"})


@dataclass(frozen=True)
class Credentials:
    """The credentials of one host. Never shown in a repr.

    Attributes:
        long: removed wherever they stand, also in part.
        short: removed from errors where they stand as a word; an answer may hold such a word by itself.
    """

    long: tuple[str, ...] = field(default=(), repr=False)
    short: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, api_key: str | None, *urls: str | None) -> Credentials:
        """Those of a key (a short one is a stand-in and no credential) and of what URLs carry."""
        found = {api_key} if api_key and len(api_key) >= LONG else set()
        for url in urls:
            found.update(_in_url(url or ""))
        forms = {form for one in found for form in _forms(one)}
        return cls(
            tuple(sorted((one for one in forms if len(one) >= LONG), key=len, reverse=True)),
            tuple(sorted((one for one in forms if len(one) < LONG), key=len, reverse=True)),
        )

    def scrub_answer(self, text: str) -> str:
        """A model's answer without the long credentials and parts of them; the same object where there are none."""
        for secret, grams in self._grams:
            if any(gram in text for gram in grams):
                text = _without_parts(text, secret)
        return text

    def scrub(self, text: str) -> str:
        """An error text without credentials, parts of them, and anything that looks like a key."""
        text = _USER_IN_URL.sub(f"{MASK}@", self.scrub_answer(text[:_LONGEST_SEARCHED]))
        for one in self.short:
            text = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", MASK, text)
        text = _ELIDED.sub(self._elided, text)
        return _LOOKS_LIKE_A_KEY.sub(_masked, text)

    def _elided(self, match: re.Match[str]) -> str:
        """A key with its middle left out, as in ``sk-ab...wxyz``."""
        begins, ends = match[1], match[2]
        known = any(one.startswith(begins) or one.endswith(ends) for one in self.long)
        return MASK if known else match[0]

    @cached_property
    def _grams(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """For each long credential pieces such that every part of `SHORTEST_PART` characters holds one of them."""
        return tuple(
            (one, tuple({one[at : at + _GRAM] for at in range(0, len(one) - _GRAM + 1, _STEP)})) for one in self.long
        )


NO_CREDENTIALS = Credentials()


def without_user(url: str) -> str:
    """A URL, usable or not, without what may be a user, a password or a token in its query."""
    head, at, tail = url.rpartition("@")
    scheme = re.match(r"[A-Za-z][\w+.-]{0,20}://", head)
    shown = f"{scheme[0] if scheme else ''}{tail}" if at else url
    return shown.partition("?")[0].partition("#")[0]


def _masked(match: re.Match[str]) -> str:
    scheme = re.match(r"(?:Bearer|Basic)\s+", match[0], re.IGNORECASE)
    return f"{scheme[0]}{MASK}" if scheme else MASK


def _in_url(url: str) -> Iterable[str]:
    """User, password, both as they travel in a Basic header, and the values of the query."""
    try:
        parts = urlsplit(url)
        user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    except ValueError:
        return
    if user or password:
        plain = unquote(user), unquote(password)
        yield b64encode(":".join(plain).encode()).decode()
        yield from (one for one in (password, plain[1]) if one)
        yield from (one for one in (user, plain[0]) if len(one) >= 4)
        yield from (b64encode(one.encode()).decode() for one in plain if len(one) >= 4)
    yield from (value for name, value in parse_qsl(parts.query) if name.lower() not in _PUBLIC_QUERY and value)


def _forms(secret: str) -> set[str]:
    """The credential as it stands, percent-encoded, and escaped in JSON."""
    return {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]}


def _without_parts(text: str, secret: str) -> str:
    """The text with every run of at least `SHORTEST_PART` characters that the credential holds as well masked."""
    kept, at, length = [], 0, len(text)
    while at < length:
        end = at + SHORTEST_PART
        if text[at:end] in secret and end <= length:
            while end < length and text[at : end + 1] in secret:
                end += 1
            kept.append(MASK)
            at = end
        else:
            kept.append(text[at])
            at += 1
    return re.sub(rf"(?:{re.escape(MASK)})+", MASK, "".join(kept))
