"""All credentials of a host, and the functions that remove them from texts.

Everything received from a host passes `Credentials.scrub` before it reaches an error, a log, the cache or an artefact.
Removed are the API key, user and password of the URL, values in the URL's query, those of the proxy, and their encoded
forms (base64 at any offset, percent-encoding, JSON and HTML escapes), in capitals or small letters. Parts
of a credential are removed as well, because hosts echo keys truncated or with stars in the middle; `StreamScrubber`
also finds them where a host splits one over several chunks of a stream.

    Credentials.of("sk-live-0123456789", "https://me:pa%40ss@host/v1").scrub("Basic bWU6cGFAc3M= refused")
    # "Basic [key] refused"
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl, unquote, urlsplit

from personalrm.llm.credential_spellings import base64_forms, decode, forms, lowered, random_places

MASK = "[key]"
LONG = 8
"""Minimum characters of a long credential; shorter ones are words ("EMPTY", "ollama") that answers may contain."""
SHORTEST_PART = 6
"""Minimum length of a part of a long credential that is removed."""
_GRAM = 3
_LONG_RUN = re.compile(r"[A-Za-z0-9+/_-]{10}")
_PLACEHOLDERS = frozenset(
    ("anything", "dummy-key", "lm-studio", "no-key-required", "not-needed", "placeholder", "sk-no-key-required")
)
"""What programs that need no key are given as one; answers may contain these words."""
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
        long: removed everywhere, also in part; an answer may contain the words that a credential is made of.
        short: removed from errors where they occur as a word; an answer may contain such a word.
    """

    long: tuple[str, ...] = field(default=(), repr=False)
    short: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, api_key: str | None, *urls: str | None) -> Credentials:
        """Return the credentials in a key (a short one is a placeholder, not a credential) and in URLs."""
        found = {api_key} if api_key and len(api_key) >= LONG and api_key.lower() not in _PLACEHOLDERS else set()
        for url in urls:
            found.update(_in_url(url or ""))
        return cls.of_forms(form for one in found for form in forms(one))

    @classmethod
    def of_forms(cls, spellings: Iterable[str]) -> Credentials:
        """Return the credentials with exactly these spellings, the longest first."""
        given = sorted(set(spellings), key=len, reverse=True)
        return cls(tuple(one for one in given if len(one) >= LONG), tuple(one for one in given if len(one) < LONG))

    def scrub_answer(self, text: str) -> str:
        """Return a model's answer without the long credentials and their parts, except for parts that are words of the
        language ("required" of "sk-no-key-required"); the same object if there are none."""
        if len(text) < SHORTEST_PART:
            return text
        spans = self.spans(text, words=True) if self.long else []
        return _masked(text, spans) if spans else text

    def scrub_whole(self, text: str) -> str:
        """Return a text of other people without whole long credentials, in any spelling; parts of one may be words."""
        spans = _also_decoded(text, self._whole)
        return _masked(text, spans) if spans else text

    def _whole(self, text: str) -> Iterator[tuple[int, int]]:
        small = lowered(text)
        for secret, _ in (*self._grams, *self._in_base64):
            yield from _occurrences(small, secret)

    def spans(self, text: str, *, words: bool = False) -> list[tuple[int, int]]:
        """Return where long credentials and their parts stand, also with escaped characters; with ``words``, without
        the parts that consist of words."""
        return _also_decoded(text, lambda shown: self._parts(shown, words))

    def begun(self, text: str) -> int:
        """Return the length of the longest end of ``text`` that is a part of a long credential."""
        small = lowered(text)
        length = 0
        while length < len(small) and small[-length - 1 :] in self._joined:
            length += 1
        return length

    def _parts(self, text: str, words: bool) -> Iterator[tuple[int, int]]:
        """Where parts of long credentials stand, in capitals or small letters."""
        small = lowered(text)
        encoded = self._in_base64 if _LONG_RUN.search(text) else ()
        for secret, grams in (*self._grams, *encoded):
            if any(gram in small for gram in grams):
                for start, end in _places(small, secret):
                    if not (words and self._is_of_words(secret, small[start:end])):
                        yield start, end

    def _is_of_words(self, secret: str, part: str) -> bool:
        at, places = secret.find(part), self._random.get(secret)  # forms in base64 are no words
        return places is not None and len(part) < len(secret) and " " not in places[at : at + len(part)]

    def scrub(self, text: str) -> str:
        """Return an error text without credentials, parts of them, and anything that looks like a key."""
        text = text[:_LONGEST_SEARCHED]
        text = _USER_IN_URL.sub(f"{MASK}@", _masked(text, spans) if (spans := self.spans(text)) else text)
        for one in self.short:
            text = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", MASK, text)
        text = _ELIDED.sub(self._elided, text)
        return _LOOKS_LIKE_A_KEY.sub(_without_key, text)

    def _elided(self, match: re.Match[str]) -> str:
        """A key with its middle left out, as in ``sk-ab...wxyz``."""
        begins, ends = match[1], match[2]
        known = any(one.startswith(begins) or one.endswith(ends) for one in self.long)
        return MASK if known else match[0]

    @cached_property
    def _random(self) -> dict[str, str]:
        """For each long credential in small letters, a text as long with a blank where a character is random."""
        return {lowered(one): random_places(one) for one in reversed(self.long)}

    @cached_property
    def _joined(self) -> str:
        """All long credentials, apart from each other."""
        return "\0".join(secret for secret, _ in (*self._grams, *self._in_base64))

    @cached_property
    def _grams(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """For each long credential, substrings of which every part of `SHORTEST_PART` characters contains one."""
        return _with_grams(self.long)

    @cached_property
    def _in_base64(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The same for the long credentials in base64; searched only in texts with a run as long as they are."""
        return _with_grams(one for secret in self.long for one in base64_forms(secret.encode()))


NO_CREDENTIALS = Credentials()


def without_user(url: str) -> str:
    """Return a URL, valid or not, without anything that may be a user, a password or a token in its query."""
    head, at, tail = url.rpartition("@")
    scheme = re.match(r"[A-Za-z][\w+.-]{0,20}://", head)
    shown = f"{scheme[0] if scheme else ''}{tail}" if at else url
    return shown.partition("?")[0].partition("#")[0]


def _without_key(match: re.Match[str]) -> str:
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


def of_database(url: str) -> Credentials:
    """Return the credentials of a database's URL: all before its last @, also where that is not written correctly."""
    userinfo = url.partition("://")[2].rpartition("@")[0]
    pieces = {one for one in re.split(r"[:/?#@]", userinfo) if len(one) >= 3}
    of_url = Credentials.of(None, url)
    return Credentials.of_forms({*of_url.long, *of_url.short, *pieces, *([userinfo] if len(userinfo) >= LONG else ())})


class StreamScrubber:
    """Removes credentials from a text that arrives in chunks; what may begin one is held back until it ends.

    scrubber = StreamScrubber(Credentials.of("sk-live-0123456789"))
    scrubber.take("It is sk-live-0"), scrubber.take("123456789."), scrubber.rest()       # "It is ", "[key].", ""
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._before, self._held = "", ""

    def take(self, chunk: str) -> str:
        """Return what can be shown of the text so far."""
        text = self._held + chunk
        begun = self._credentials.begun(self._before + text)
        kept = min(begun, len(text)) if begun >= _GRAM else 0
        shown, self._held = text[: len(text) - kept], text[len(text) - kept :]
        return self._released(shown)

    def rest(self) -> str:
        """Return what is still held back, at the end of the text."""
        shown, self._held = self._held, ""
        return self._released(shown)

    def _released(self, text: str) -> str:
        before, known = self._before, len(self._before)
        self._before = (before + text)[1 - _GRAM :]
        spans = self._credentials.spans(before + text, words=True)
        return _masked(text, [(max(0, start - known), end - known) for start, end in spans if end > known])


def _with_grams(secrets: Iterable[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (one, tuple({one[at : at + _GRAM] for at in range(0, len(one) - _GRAM + 1, _STEP)}))
        for one in dict.fromkeys(map(lowered, secrets))
    )


def _places(small: str, secret: str) -> Iterator[tuple[int, int]]:
    """The spans of at least `SHORTEST_PART` characters that are part of the credential."""
    at, length = 0, len(small)
    while at <= length - SHORTEST_PART:
        end = at + SHORTEST_PART
        if small[at:end] not in secret:
            at += 1
            continue
        while end < length and small[at : end + 1] in secret:
            end += 1
        yield at, end
        at = end


def _also_decoded(text: str, find: Callable[[str], Iterable[tuple[int, int]]]) -> list[tuple[int, int]]:
    """The spans that ``find`` gives for the text, and those of its decoded form where they stand in the text."""
    found = list(find(text))
    decoded, sources = decode(text)
    if sources:
        found += [(sources[start][0], sources[end - 1][1]) for start, end in find(decoded)]
    return found


def _occurrences(small: str, secret: str) -> Iterator[tuple[int, int]]:
    at = small.find(secret)
    while at >= 0:
        yield at, at + len(secret)
        at = small.find(secret, at + len(secret))


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    kept: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if end <= at:
            continue
        if start > at or not kept:
            kept.append(text[at : max(start, at)])
            kept.append(MASK)
        at = end
    kept.append(text[at:])
    return re.sub(rf"(?:{re.escape(MASK)})+", MASK, "".join(kept))
