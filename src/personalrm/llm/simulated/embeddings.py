"""Simulated embeddings: hashes of the words of a text, without meaning (for tests and benchmarks only).

Texts that share words have similar vectors; equal texts have equal vectors in every process.

    body = parse_input(b'{"model": "simulated", "input": ["Boil the egg.", "Boil an egg."]}')
    answer_input(body).payload                      # OpenAI's format; unit vectors with 64 dimensions
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
    """The request's JSON object; RequestError 400 unless its input is one or several texts."""
    body = parse_json(raw)
    given = texts_of(body)
    if not given or not all(isinstance(one, str) and one for one in given):
        raise RequestError(400, "'input' must be a string or a list of strings, none empty.", "invalid_value", "input")
    return body


def texts_of(body: Mapping[str, object]) -> list[str]:
    """The texts to embed."""
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
    """Each word adds ±1 at the dimension given by its hash; the first dimension is constant, so no vector is zero."""
    vector = np.zeros(WIDTH)
    for word in _WORD.findall(text.lower()):
        place = int.from_bytes(blake2b(word.encode(), digest_size=4).digest(), "big")
        vector[place % WIDTH] += 1.0 if place & (1 << 31) else -1.0
    vector[0] += 0.5
    return vector / np.linalg.norm(vector)
