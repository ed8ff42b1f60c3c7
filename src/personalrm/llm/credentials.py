"""All credentials of a host, and the functions that remove them from texts.

Everything received from a host passes `Credentials.scrub` before it reaches an error, a log, the cache or an artefact.
Removed are the API key, user and password of the URL, values in the URL's query, those of the proxy, and their encoded
forms (base64 of the Basic scheme, percent-encoding, JSON escapes). Parts of a credential are removed as well, because
hosts echo keys truncated or with stars in the middle.

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
"""Minimum characters of a long credential; shorter ones are words ("EMPTY", "ollama") that answers may contain."""
SHORTEST_PART = 6
"""Minimum length of a part of a long credential that is removed."""
_GRAM = 3
_STEP = SHORTEST_PART - _GRAM + 1
_LONGEST_SEARCHED = 2_000
"""Maximum characters searched for key-like text: the patterns are quadratic in text without blanks."""
_LOOKS_LIKE_A_KEY = re.compile(
    r"\b(?:Bearer|Basic)\s+[\w\-*.~+/=]{6,}|\b(?:sk|pk|rk|key)[-_][\w\-*.]{6,}|(?<!\S)\S*?\*{3}\S*", re.IGNORECASE
)
_USER_IN_URL = re.compile(r"(?<=://)[^\s@/]*@|(?<![^\s'\"(])[^\s@/:]{1,80}:[^\s@/]{1,200}@")
_ELIDED = re.compile(r"([\w\-+/=]{2,12})(?:\.{2,}|…|\*{1,})([\w\-+/=]{2,12})")
_PUBLIC_QUERY = frozenset({"api-version", "api_version", "version", "deployment", "model"})


@dataclass(frozen=True)
class Credentials:
    """The credentials of one host, hidden in the repr.

    Attributes:
        long: removed everywhere, also in part.
        short: removed from errors where they occur as a word; an answer may contain such a word.
    """

    long: tuple[str, ...] = field(default=(), repr=False)
    short: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, api_key: str | None, *urls: str | None) -> Credentials:
        """Return the credentials in a key (a short one is a placeholder, not a credential) and in URLs."""
        found = {api_key} if api_key and len(api_key) >= LONG else set()
        for url in urls:
            found.update(_in_url(url or ""))
        forms = {form for one in found for form in _forms(one)}
        return cls(
            tuple(sorted((one for one in forms if len(one) >= LONG), key=len, reverse=True)),
            tuple(sorted((one for one in forms if len(one) < LONG), key=len, reverse=True)),
        )

    def scrub_answer(self, text: str) -> str:
        """Return a model's answer without the long credentials and their parts; the same object if there are none."""
        if len(text) < SHORTEST_PART:
            return text
        for secret, grams in self._grams:
            if any(gram in text for gram in grams):
                text = _without_parts(text, secret)
        return text

    def scrub(self, text: str) -> str:
        """Return an error text without credentials, parts of them, and anything that looks like a key."""
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
        """For each long credential, substrings of which every part of `SHORTEST_PART` characters contains one."""
        return tuple(
            (one, tuple({one[at : at + _GRAM] for at in range(0, len(one) - _GRAM + 1, _STEP)})) for one in self.long
        )


NO_CREDENTIALS = Credentials()


def without_user(url: str) -> str:
    """Return a URL, valid or not, without anything that may be a user, a password or a token in its query."""
    head, at, tail = url.rpartition("@")
    scheme = re.match(r"[A-Za-z][\w+.-]{0,20}://", head)
    shown = f"{scheme[0] if scheme else ''}{tail}" if at else url
    return shown.partition("?")[0].partition("#")[0]


def _masked(match: re.Match[str]) -> str:
    scheme = re.match(r"(?:Bearer|Basic)\s+", match[0], re.IGNORECASE)
    return f"{scheme[0]}{MASK}" if scheme else MASK


def _in_url(url: str) -> Iterable[str]:
    """User, password, their Basic header, and the values of the query."""
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
    """The credential as given, percent-encoded, and JSON-escaped."""
    return {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]}


def _without_parts(text: str, secret: str) -> str:
    """The text with every substring of at least `SHORTEST_PART` characters of the credential masked."""
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
