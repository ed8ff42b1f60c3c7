r"""What the words of a host's error mean: one table, for every status and for errors inside an answer of status 200.

means("You exceeded your daily quota", Meaning.LIMIT_OF_THE_DAY)            # True
status_of("Insufficient balance")                                            # 402: the status that the words stand for
names_a_feature("Unknown name \"logprobs\": Cannot find field.")             # True: send the request without it

Hosts use the same words under any status, so `faults` decides with both. A new host's words belong into this table.
"""

from __future__ import annotations

import re
from enum import Enum


class Meaning(Enum):
    """What an error says, with the status that it stands for; the first that applies is the meaning of a sentence."""

    NO_CREDIT = "no credit", 402
    LIMIT_OF_THE_DAY = "limit of the day", 429
    RATE_LIMIT = "rate limit", 429
    FILTERED = "filtered", 400
    PLACE = "place", 403
    KEY = "key", 401
    NO_MODEL = "no model", 404
    NO_PATH = "no path", 404
    TOO_LONG = "too long", 400
    BUSY = "busy", 503
    INVALID = "invalid", 400

    @property
    def status(self) -> int:
        """The HTTP status that an error of this meaning should have had."""
        return self.value[1]


_WORDS = {
    Meaning.NO_CREDIT: r"insufficient.{0,12}(quota|credit|balance|fund)|no credits? left|credit.{0,12}(balance|limit)"
    r"|(exceeded|out of|run out of).{0,30}\bcredits|billing (hard )?limit|prepaid|purchase credits|suspended|arrears"
    r"|overdue|unpaid|payment (is )?required|spending limit|budget has been exceeded|over budget|budget.?exceeded"
    r"|exceeded.?budget",
    Meaning.LIMIT_OF_THE_DAY: r"per[-_ ]?(day|week|month)|\b(daily|weekly|monthly)\b|\b[RT]PD\b|for today"
    r"|until tomorrow",
    Meaning.RATE_LIMIT: r"rate.{0,20}limit|too many requests|resource.?exhausted|per.?(minute|hour)|quota|throttl"
    r"|\bslow down\b",
    Meaning.FILTERED: r"content.{0,16}(filter|polic|management|safety)|responsible.?ai|moderation|flagged"
    r"|safety (system|setting|polic)|usage polic|prohibited (use|content)|blocked by|inappropriate|data.?inspection"
    r"|guardrail|sensitive (content|word)|敏感",
    Meaning.PLACE: r"\b(country|region|territory|location)\b.{0,60}\bnot\b|\bnot\b.{0,60}\b(country|region|territory|"
    r"location)\b",
    Meaning.KEY: r"api.?key|unauthori[sz]ed|authenticat|no auth|\A\W*forbidden|access forbidden"
    r"|\b(token|key)\b.{0,40}(expired|invalid|not valid)|(expired|invalid|incorrect).{0,12}\b(token|key)\b",
    Meaning.NO_MODEL: r"\bmodel\b.{0,80}(not found|not exist|no longer|deprecated|decommissioned|unknown|invalid model)"
    r"|(unknown|no such|invalid) model|no available channel|model_not_(found|supported)|no models? (is )?loaded"
    r"|no endpoints found for|model id\b.{0,60}isn['’]t supported|deployment.{0,40}not exist"
    r"|\bmodel\b.{0,60}not supported by any",
    Meaning.NO_PATH: r"not.?found|no such|unexpected endpoint|unknown (?:url|path)",
    Meaning.TOO_LONG: r"context.{0,12}(length|size|window)|maximum context|prompt is too long"
    r"|too (long|large|many (input )?tokens)"
    r"|exceeds?.{0,40}(context|tokens|length)|`?inputs`? (tokens|must have)|input token count"
    r"|max(imum)? ?(allowed |input |model |prompt |sequence ){1,3}(length|tokens)"
    r"|(reduce|shorten) .{0,24}(length|size|prompt|messages)"
    r"|longer than.{0,24}(context|max|limit|model)|prompt.{0,40}\bexceed",
    Meaning.BUSY: r"overload|\bbusy\b|try again later|(temporarily|currently|service) (unavailable|loading)"
    r"|loading (the )?model|capacity (is )?exceeded|at capacity"
    r"|(host|server|upstream|endpoint).{0,12}unavailable",
    Meaning.INVALID: r"invalid.?request|unsupported|not supported",
}
_LIST_TOO_LONG = re.compile(r"\b(array|list)\b|\bstop\b|top_logprobs", re.IGNORECASE)

FEATURES = {
    "max_completion_tokens": r"max_completion_tokens"
    r"|(unsupported|unrecogni[sz]ed|unknown|unexpected|not supported).{0,60}max_tokens"
    r"|max_tokens.{0,60}(unsupported|unrecogni[sz]ed|not supported|not permitted)",
    "least_tokens": r"max_\w*tokens.{0,60}(below.{0,12}minimum|at least \d|greater than|>=)",
    "temperature": r"temperature",
    "reasoning_effort": r"reasoning_effort",
    "system": r"system.{0,12}(role|message|instruction|prompt)|role.{0,60}(system|alternat)|alternat"
    r"|developer.{0,12}(role|instruct|message|prompt)|only user and assistant|(start|begin) with.{0,20}user"
    r"|first (message|turn|role).{0,40}user|chat template|jinja",
    "stop": r"['\"`]stop['\"`]|body[.\s:]+stop\b|\bstop\b.{0,40}(support|parameter|allow|permit|sequence)"
    r"|parameter.{0,12}\bstop\b|not supported.{0,40}\bstop\b|stop_sequences?\b",
    "logprobs": r"log_?probs?|top_n_tokens",
    "structured": r"response_?format|json|schema|guided|grammar|structured",
    "limits": r"m(ax|in)(length|items)|features? not supported|keywords?\b|repetition|grammar",
}
"""The words by which a refusal names a feature of a request (``limits``: length limits in a schema)."""
_ANY_FEATURE = re.compile(
    "|".join(
        (
            r"max_(completion_|output_)?tokens|requested parameters|json.{0,3}(schema|object|mode)",
            r"response_?format|guided|grammar|structured",
            *(FEATURES[one] for one in ("temperature", "reasoning_effort", "system", "stop", "logprobs")),
        )
    ),
    re.IGNORECASE,
)
_MEANINGS = {meaning: re.compile(words, re.IGNORECASE) for meaning, words in _WORDS.items()}
_FEATURES = {name: re.compile(words, re.IGNORECASE) for name, words in FEATURES.items()}
_FINISH = re.compile(
    r"content.?filter|safety|blocked|blocklist|moderation|prohibited|guardrail|recitation|spii|sensitive|refusal",
    re.IGNORECASE,
)


def means(said: str, meaning: Meaning) -> bool:
    """Return whether a host's sentence has this meaning."""
    if meaning is Meaning.TOO_LONG and _LIST_TOO_LONG.search(said):
        return False
    return bool(_MEANINGS[meaning].search(said))


def status_of(said: str) -> int | None:
    """Return the status that the words of an error without a number stand for; None if they are unknown."""
    return next((one.status for one in Meaning if means(said, one)), None)


def names(said: str, feature: str) -> bool:
    """Return whether a refusal names this feature of `FEATURES`."""
    return bool(_FEATURES[feature].search(said))


def names_a_feature(said: str) -> bool:
    """Return whether a refusal is about the form of the request: it names a parameter, a role or the chat template."""
    return bool(_ANY_FEATURE.search(said))


def is_filtered(finish_reason: str) -> bool:
    """Return whether a finish reason says that a content filter stopped the answer."""
    return finish_reason != "stop" and bool(_FINISH.search(finish_reason))
