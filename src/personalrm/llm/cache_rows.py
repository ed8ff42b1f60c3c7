"""Rows of the answer cache: the key, the answer as JSON, and a checksum that detects damage.

key = row_key(host_scope, cache_key(model, messages, params))
answer_of(key, row_of(key, completion)) == completion           # None if the row is damaged
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from math import isfinite
from typing import Any

import orjson

from personalrm.llm.capabilities import without_limits
from personalrm.llm.endpoint import Completion, SamplingParams, TokenLogprob
from personalrm.preferences import Message

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, model TEXT NOT NULL, answer BLOB NOT NULL, written REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""
INSERT = "INSERT INTO answers VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
REPLACE = (
    "INSERT INTO answers VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE "
    "SET model = excluded.model, answer = excluded.answer, written = excluded.written"
)
KEEP_FACT = "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_last_key: tuple[tuple[object, ...], SamplingParams, bytes] | None = None
_OLD_BUDGETS = (1024, 1500)
"""``max_tokens`` of reasoned verdicts before 0.2, when it was part of the key."""


def cache_key(model: str, messages: Sequence[Message], params: SamplingParams) -> bytes:
    """Return the 32-byte key of a request: a hash of everything that can change the answer, and of nothing else.

    ``max_tokens`` is left out because it only truncates an answer, and the row of a cut answer records its limit.
    Length limits in a schema are left out too. The last key is remembered, because a judge records it and the language
    model looks it up.
    """
    global _last_key  # assigned as a whole, so that no thread sees half of it
    asked, last = (model, *messages), _last_key
    if last is not None and last[1] is params and last[0] == asked:
        return last[2]
    key = _hashed(model, messages, params, ())
    _last_key = asked, params, key
    return key


def keys_before_0_2(model: str, messages: Sequence[Message], params: SamplingParams) -> Iterator[bytes]:
    """Yield the keys under which version 0.1 may have stored the answer, for any host."""
    for budget in dict.fromkeys((params.max_tokens, *(_OLD_BUDGETS if params.schema is not None else ()))):
        yield _hashed(model, messages, params, (budget,))


def _hashed(model: str, messages: Sequence[Message], params: SamplingParams, budget: tuple[int, ...]) -> bytes:
    question = (
        model,
        [(one.role, one.content) for one in messages],
        *budget,
        params.temperature,
        params.schema and without_limits(params.schema),
        params.logprobs,
        params.sample,
    )
    try:
        written = orjson.dumps(question, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # a lone surrogate, which UTF-8 cannot encode
        written = repr(question).encode("utf-8", "backslashreplace")
    return blake2b(written, digest_size=32).digest()


def row_key(scope: str, question: bytes) -> bytes:
    """Return the key of a request at one host; two hosts may use one name for different models."""
    return blake2b(question, key=blake2b(scope.encode(), digest_size=32).digest(), digest_size=32).digest()


def row_of(key: bytes, completion: Completion) -> bytes:
    """Return the answer as JSON with a checksum over it and its key."""
    tokens = completion.tokens and [(one.token, one.logprob, one.top) for one in completion.tokens]
    record = {
        "text": completion.text,
        "tokens": tokens,
        "usage": [completion.prompt_tokens, completion.completion_tokens, completion.cached_tokens],
        "finish": completion.finish_reason,
        "cost": completion.cost,
        "budget": completion.budget,
    }
    written = orjson.dumps(record)
    return b'%b,"check":"%b"}' % (written[:-1], _digits(key, written).encode())


def answer_of(key: bytes, row: object) -> Completion | None:
    """Return the answer in a row, or None if it is damaged. Rows of version 0.1 have no checksum, only types."""
    try:
        record = orjson.loads(row) if isinstance(row, bytes) else None
        check = record.pop("check", None) if isinstance(record, dict) else None
        if not isinstance(record, dict) or (check is not None and check != checksum(key, record)):
            return None
        return _completion(record)
    except (ValueError, LookupError, TypeError):
        return None


@lru_cache(maxsize=128)
def insert(rows: int) -> str:
    """Return `INSERT` for several rows; its row count tells how many were new."""
    return INSERT.replace("(?, ?, ?, ?)", ", ".join(["(?, ?, ?, ?)"] * rows))


@lru_cache(maxsize=128)
def select(keys: int) -> str:
    """Return the statement that selects the rows of so many keys."""
    return f"SELECT key, answer FROM answers WHERE key IN ({', '.join('?' * keys)})"


def fact_of(name: str, row: object) -> Any | None:
    """Return the JSON value in a row of facts, or None if it is damaged."""
    try:
        kept = orjson.loads(row) if isinstance(row, bytes) else None
    except orjson.JSONDecodeError:
        return None
    if not isinstance(kept, dict) or kept.get("check") != checksum(name.encode(), kept.get("fact")):
        return None
    return kept["fact"]


def row_of_fact(name: str, value: Any) -> bytes:
    """Return a JSON value with a checksum over it and its name."""
    return orjson.dumps({"fact": value, "check": checksum(name.encode(), value)})


def moved(key: bytes, completion: Completion) -> bytes:
    """Return the row of an answer under another key."""
    return row_of(key, replace(completion, from_cache=False))


def checksum(key: bytes, record: Any) -> str:
    """Return 16 hexadecimal digits over a key and a JSON value."""
    return _digits(key, orjson.dumps(record))


def _digits(key: bytes, written: bytes) -> str:
    return blake2b(key + written, digest_size=8).hexdigest()


def _completion(record: dict[str, Any]) -> Completion:
    """The completion of a record; LookupError, TypeError or ValueError if a field has the wrong type."""
    tokens = record["tokens"] and tuple(
        TokenLogprob(
            _typed(token, str), _number(value), tuple((_typed(other, str), _number(one)) for other, one in top)
        )
        for token, value, top in record["tokens"]
    )
    prompt, completion, cached = (_typed(one, int) for one in record["usage"])
    cost = record["cost"]
    return Completion(
        _typed(record["text"], str),
        tokens,
        prompt,
        completion,
        cached,
        _typed(record["finish"], str),
        None if cost is None else _number(cost),
        from_cache=True,
        budget=_typed(record.get("budget", 0), int),
    )


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(type(value).__name__)
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise TypeError(type(value).__name__)
    return float(value)
