"""Simulated embeddings: a hash of the words of a text, for tests and benchmarks only; they know no meaning.

Texts that share words are alike, and the same text has the same vector everywhere.

    body = parse_input(b'{"model": "simulated", "input": ["Boil the egg.", "Boil an egg."]}')
    answer_input(body).payload                      # OpenAI's form, vectors of 64 numbers and unit length
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b

import numpy as np
import orjson
from numpy.typing import NDArray

from personalrm.llm.simulated.answers import Answer, RequestError, parse_json
from personalrm.llm.simulated.statistics import tokens

WIDTH = 64
_WORD = re.compile(r"\w+")


def parse_input(raw: bytes) -> dict[str, object]:
    """The request's JSON object; RequestError 400 where it is none or its input is not one or several texts."""
    body = parse_json(raw)
    given = texts_of(body)
    if not given or not all(isinstance(one, str) and one for one in given):
        raise RequestError(400, "'input' must be a string or a list of strings, none empty.", "invalid_value", "input")
    return body


def texts_of(body: Mapping[str, object]) -> list[str]:
    """The texts that are to be embedded."""
    given = body.get("input")
    return given if isinstance(given, list) else [] if given is None else [str(given)]


def answer_input(body: Mapping[str, object]) -> Answer:
    """The vectors of all texts."""
    texts = texts_of(body)
    spent = sum(tokens(len(text)) for text in texts)
    payload = {
        "object": "list",
        "model": "simulated",
        "data": [
            {"object": "embedding", "index": at, "embedding": embedding(text).tolist()} for at, text in enumerate(texts)
        ],
        "usage": {"prompt_tokens": spent, "total_tokens": spent},
    }
    return Answer(orjson.dumps(payload), 0)


def embedding(text: str) -> NDArray[np.float64]:
    """Each word adds or takes one at a place that its hash names; the first place keeps every vector off zero."""
    vector = np.zeros(WIDTH)
    for word in _WORD.findall(text.lower()):
        place = int.from_bytes(blake2b(word.encode(), digest_size=4).digest(), "big")
        vector[place % WIDTH] += 1.0 if place & (1 << 31) else -1.0
    vector[0] += 0.5
    return vector / np.linalg.norm(vector)
