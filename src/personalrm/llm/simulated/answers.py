"""Computes the simulated LLM's answer to a request in OpenAI's format (for tests and benchmarks only).

The kind of answer depends on the prompt and its parameters only: a pair gets a verdict (a letter, JSON or prose), past
choices without a pair get a persona, a request for an instruction gets one of a few instructions for writing a persona,
and anything else gets a short reply.

    Answerer().answer(body, flatten(body), Behaviour(), call, number=1).payload
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from personalrm.llm.simulated.behaviour import Behaviour
from personalrm.llm.simulated.judge import Judge, Shown
from personalrm.llm.simulated.prompts import Asked, read_prompt
from personalrm.llm.simulated.statistics import Call, tokens
from personalrm.llm.simulated.writing import (
    Facts,
    asks_for_instruction,
    fill,
    fill_keys,
    most_claims,
    persona_claims,
    prose,
    remembered,
    write_instruction,
    write_persona,
    write_reply,
    write_verdict,
)

FEW_TOKENS = 16
THOUGHTS = 200
NONSENSE = "Purple tides hum quietly over the seventh teapot of Tuesday."
REFUSAL = "I'm sorry, but I can't help with that."

_TOKEN = re.compile(r"\s*[^\W\d_]+|\s*\d+|\s*[^\w\s]|\s+|_")
_JSON = re.compile(r"\bjson\b", re.IGNORECASE)
_KEY = re.compile(r'"(\w+)"\s*:\s*(\[?)')
_LETTER = re.compile(
    r"(?:single|one|only|just) (?:the )?(?:single |one )?(?:capital )?(?:letter|token|character)"
    r"|(?:only|just)(?: with)? [\"'`]?A[\"'`]? or [\"'`]?B\b|(?:nothing|no) (?:else|other (?:text|words?))",
    re.IGNORECASE,
)


class RequestError(Exception):
    """The request is answered with an HTTP error; ``parameter`` names the invalid parameter."""

    def __init__(self, status: int, sentence: str, code: str, parameter: str | None = None) -> None:
        super().__init__(sentence)
        self.status, self.code, self.parameter = status, code, parameter


@dataclass(frozen=True, slots=True)
class Answer:
    """The response body and its number of completion tokens."""

    payload: bytes
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer before truncation. For a verdict, ``letter`` is the verdict and ``logit`` the log-odds of A over B."""

    text: str
    letter: str = ""
    logit: float = 0.0


def parse_body(raw: bytes) -> dict[str, object]:
    """The request's JSON object; RequestError 400 if it is not an object with messages."""
    body = parse_json(raw)
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        raise RequestError(400, "Missing required parameter: 'messages'.", "missing_parameter", "messages")
    return body


def parse_json(raw: bytes) -> dict[str, object]:
    """The request's JSON object, empty for other JSON values; RequestError 400 for invalid JSON."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, "We could not parse the JSON body of your request.", "invalid_json") from error
    return body if isinstance(body, dict) else {}


def flatten(body: Mapping[str, object]) -> str:
    """The prompt as one text: each message's role and content, in order."""
    return "\n".join(f"{role}:\n{content}" for role, content in _turns(body))


class Answerer:
    """Answers requests; holds the judge and its cache of texts."""

    def __init__(self) -> None:
        self._judge = Judge()
        self._proposed: Counter[str] = Counter()

    def answer(self, body: Mapping[str, object], prompt: str, how: Behaviour, call: Call, number: int) -> Answer:
        """Answer request number ``number``, counted as ``call``."""
        asked = read_prompt(prompt)
        count = body.get("n")
        choices, spent = [], 0
        for index in range(count if isinstance(count, int) and count > 0 else 1):
            draft = self._spoiled(how, number) or self._draft(body, prompt, asked, how, number, index)
            choice, cost = _choice(body, draft, how, index)
            choices.append(choice)
            spent += cost
        payload = {
            "id": f"chatcmpl-simulated-{call.digest}",
            "object": "chat.completion",
            "created": 1767225600,
            "model": "simulated",
            "choices": choices,
            "usage": _usage(tokens(len(prompt)), spent, tokens(call.cached_bytes), how),
        }
        return Answer(orjson.dumps(payload), spent)

    def _spoiled(self, how: Behaviour, number: int) -> Draft | None:
        for every, text in ((how.nonsense_every, NONSENSE), (how.empty_every, ""), (how.refusal_every, REFUSAL)):
            if every and number % every == 0:
                return Draft(text)
        return None

    def _draft(
        self, body: Mapping[str, object], prompt: str, asked: Asked, how: Behaviour, number: int, index: int
    ) -> Draft:
        if asked.pair is not None:
            return self._verdict(body, prompt, asked, how, index)
        if asked.past:
            invent = how.invent_every > 0 and number % how.invent_every == 0
            shown = self._noticed(body, prompt, how, self._judge.shown(asked))
            noticed = persona_claims(shown, most_claims(asked.outside))
            claims = remembered(asked.memory, noticed)
            facts = write_persona(claims, invent)
            return Draft(_formatted(body, asked, facts, how) or prose(facts))
        if asks_for_instruction(prompt):
            self._proposed[prompt] += 1  # a repeated request gets a different instruction
            return Draft(write_instruction(f"{prompt}/{how.seed}/{self._proposed[prompt]}"))
        turns = _turns(body)
        system = "\n".join(content for role, content in turns if role in ("system", "developer"))
        facts = write_reply(system, turns[-1][1])
        return Draft(_formatted(body, asked, facts, how) or facts.text)

    def _noticed(
        self, body: Mapping[str, object], prompt: str, how: Behaviour, shown: Sequence[Shown]
    ) -> Sequence[Shown]:
        """The past choices used for the answer: all at temperature 0; above it, as many drawn with replacement, and a
        repeated request gets a new draw."""
        temperature = body.get("temperature", 0)
        if not shown or not isinstance(temperature, int | float) or temperature <= 0:
            return shown
        self._proposed[prompt] += 1
        return random.Random(f"{how.seed}/{self._proposed[prompt]}/{prompt}").choices(shown, k=len(shown))

    def _verdict(self, body: Mapping[str, object], prompt: str, asked: Asked, how: Behaviour, index: int) -> Draft:
        judgement = self._judge.judge(asked)
        letter = _letter(body, prompt, judgement.logit, how.seed, index)
        short = (_limit(body) or FEW_TOKENS + 1) <= FEW_TOKENS or _LETTER.search(asked.outside)
        if short and "response_format" not in body and not _JSON.search(asked.outside):
            return Draft(letter, letter, judgement.logit)
        facts = write_verdict(judgement, letter, len(asked.rubric.strip().splitlines()))
        text = _formatted(body, asked, facts, how) or f"{facts.text}\n\nPreference: {letter}"
        return Draft(text, letter, judgement.logit)


def _formatted(body: Mapping[str, object], asked: Asked, facts: Facts, how: Behaviour) -> str:
    """The answer as JSON if the parameters or the prompt ask for JSON; else empty."""
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in ("json_schema", "json_object") and not _JSON.search(asked.outside):
        return ""
    described = wanted.get("json_schema") if isinstance(wanted, dict) and kind == "json_schema" else None
    schema = described.get("schema") if isinstance(described, dict) else None
    if isinstance(schema, dict):
        filled = fill(schema, facts)
    else:
        filled = fill_keys({key: bool(many) for key, many in _KEY.findall(asked.outside)}, facts)
    text = orjson.dumps(filled, option=0 if kind else orjson.OPT_INDENT_2).decode()
    if how.structured == "ignored" or not kind:
        return f"Sure, here is what I think:\n\n```json\n{text}\n```\n\nLet me know if you need more."
    return text


def _choice(body: Mapping[str, object], draft: Draft, how: Behaviour, index: int) -> tuple[dict[str, object], int]:
    """One entry of ``choices`` and its completion tokens, including reasoning; truncated at the token limit."""
    thoughts = THOUGHTS if how.thinking == "hidden" else 0
    text = draft.text
    if how.thinking == "tags":
        text = f"<think>\nA may suit the person, or B may. Let me compare them once more.\n</think>\n\n{text}"
    limit = _limit(body)
    room = None if limit is None else max(0, limit - thoughts) * 4
    cut = room is not None and len(text) > room
    text = text[:room]
    message: dict[str, object] = {"role": "assistant", "content": text, "refusal": None}
    if draft.text == REFUSAL and "response_format" in body:
        message |= {"content": None, "refusal": text}
    if thoughts:
        message["reasoning_content"] = "Let me compare the two responses trait by trait."
    return {
        "index": index,
        "message": message,
        "finish_reason": "length" if cut else "stop",
        "logprobs": {"content": _logprobs(text, draft, body)} if body.get("logprobs") else None,
    }, min(limit or thoughts + tokens(len(text)), thoughts + tokens(len(text)))


def _logprobs(text: str, draft: Draft, body: Mapping[str, object]) -> list[dict[str, object]]:
    """Log-probabilities by token: the verdict's token has the judge's probabilities, the others are nearly certain."""
    asked = body.get("top_logprobs")
    most = asked if isinstance(asked, int) else 0
    parts = _TOKEN.findall(text)
    verdict = max((at for at, part in enumerate(parts) if draft.letter and part.strip() == draft.letter), default=-1)
    entries: list[dict[str, object]] = []
    for at, part in enumerate(parts):
        ranked = _ranked(draft.logit) if at == verdict else [(part, -0.02), ("\n", -4.5)]
        chance = dict(ranked)[part.strip() if at == verdict else part]
        top = [_token(token, value) for token, value in ranked[:most]]
        entries.append({**_token(part, chance), "top_logprobs": top})
    return entries


def _ranked(logit: float) -> list[tuple[str, float]]:
    """Alternatives to the verdict's token, most likely first: the letters share 97 % of the probability."""
    first = 1 / (1 + math.exp(-max(-20.0, min(20.0, logit))))
    shares = {"A": 0.94 * first, "B": 0.94 * (1 - first), " A": 0.03 * first, " B": 0.03 * (1 - first)}
    shares |= {"The": 0.02, "Both": 0.01}
    return sorted(((token, math.log(share)) for token, share in shares.items()), key=lambda one: -one[1])


def _token(token: str, logprob: float) -> dict[str, object]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def _letter(body: Mapping[str, object], prompt: str, logit: float, seed: int, index: int) -> str:
    """The more likely letter at temperature 0; above it, a draw seeded with the prompt, the seeds and the index."""
    temperature = body.get("temperature", 0)
    if not isinstance(temperature, int | float) or temperature <= 0:
        return "A" if logit > 0 else "B"
    chance = 1 / (1 + math.exp(-max(-50.0, min(50.0, logit / temperature))))
    draw = random.Random(f"{seed}/{body.get('seed')}/{index}/{prompt}").random()
    return "A" if draw < chance else "B"


def _limit(body: Mapping[str, object]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        limit = body.get(name)
        if isinstance(limit, int):
            return limit
    return None


def _turns(body: Mapping[str, object]) -> list[tuple[str, str]]:
    """(role, content) of every message; content parts are joined."""
    messages = body["messages"]
    turns: list[tuple[str, str]] = []
    for message in messages if isinstance(messages, list) else []:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            content = "".join(part.get("text") or "" for part in content if isinstance(part, dict))
        turns.append((str(message.get("role", "")) if isinstance(message, dict) else "", str(content or "")))
    return turns


def _usage(prompt: int, completion: int, cached: int, how: Behaviour) -> dict[str, object]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": THOUGHTS if how.thinking == "hidden" else 0},
    }
