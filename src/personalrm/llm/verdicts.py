"""Finds the verdict in a model's answer: the side, and the position of the deciding letter.

    find_verdict("Output (a) rhymes better, but overall Output (b) is better.")    # Found("b", 46, 47)

The most reliable places are searched first: a verdict key of a JSON object, an ``[[A]]`` mark, an answer or last line
that consists of an option, then prose (`verdict_prose`). Nothing is guessed. All search windows are bounded, so that
time is linear in the text.
"""

from __future__ import annotations

import re

from personalrm.formatting.expressions import bounded
from personalrm.llm.verdict_prose import CUES, TAIL, TIES, find_in_prose
from personalrm.llm.verdict_sides import (
    NOUN,
    OPTION,
    SIDES,
    TIE_VALUES,
    Found,
    Reading,
    found_in,
    last_line,
    normal,
    plain_digits,
    side_of,
)

__all__ = ["KEYS", "NOUN", "SIDES", "TIE_VALUES", "Found", "Reading", "find_verdict", "found_in", "last_line", "normal",
           "says_tie", "side_of"]  # fmt: skip

_ALONE = bounded(
    rf"(?i)\W{{0,8}}(?:(?:the|my|final)\s+){{0,2}}(?:{NOUN}\b[\s\W_]{{0,4}})?(?P<side>[ab12]|one|two|first|second)"
    rf"\W{{0,6}}(?:(?:{NOUN}|one)\b)?\W{{0,6}}",
    most=3,
)
_VALUE = bounded(
    rf"(?i)\W{{0,8}}(?:(?:the|my|model|system)[\s_]+)?(?:{NOUN}[\s\W_]{{0,4}})?(?P<side>[ab12]|one|two|first|second)"
    r"(?![\w'])(?:\W{0,12}$|\W{0,3}[,;:.–—(-]|\s+(?:because|since|as|is|response|output|one|completion|answer)\b)",
    most=4,
)
KEYS = (
    r"(?:final[_ ]?)?(?:prefer(?:ence|red)(?:[_ ]\w{1,12})?|choice|chosen|verdict|winner|answer|better(?:[_ ]\w{1,12})?"
    r"|best(?:[_ ]\w{1,12})?|decision|selection|prediction|judge?ment)"
)
_KEYED = re.compile(
    rf"(?<!\\)[\"'“”‘](?i:{KEYS})[\"'“”’]\s*:\s*(?:[\"“”](?P<double>[^\"“”]*)|'(?P<single>[^'\n]*)"
    r"|(?P<plain>[^\s,}\]\"'“”][^,}\n]*))?(?P<more>[\"”']?\s*(?:\bor\b|\||/))?"
)
# A boxed digit is more often the result of a calculation in the compared texts than a verdict.
_MARKS = bounded(r"(?i)\[\[\s*(a|b|c|1|2|tie)\s*\]\]|\\boxed\{\s*(?:\\text\{)?\s*\(?(a|b|tie)\)?\s*\}")
_SECOND_THOUGHT = (
    r"(?i:\bwait\b|\bactually\b|\bcorrection\b|\bon (?:second|further) thoughts?\b|\bon reflection\b|\bscratch that\b"
    r"|\blet me (?:reconsider|correct|rethink)\b|\bi (?:meant|mean|take (?:that|it) back|(?:have )?changed? my mind)\b"
    r"|\bhmm+\b|\bno\b)"
)
# A correction with the words between it and the verdict. The repeat is possessive, and the verdict is matched
# separately after its end: a single expression would scan a row of "no" again from each of them, in quadratic time.
_LEADS_ON = (
    r"(?i:no|not|actually|wait|sorry|so|it(?:['’]s)?|is|that|should|must|would|be|have|been|i(?:['’]d)?|say|choose|pick"
    r"|prefer|go|with|the|my|final|verdict|make|to|rather|instead|(?:answer|choice)(?!\W{1,4}(?:one|two|[12])\b))\b"
)
_RECONSIDERED = re.compile(rf"{_SECOND_THOUGHT}(?:[\s,.:;!…—–-]{{1,5}}{_LEADS_ON})*+")
_INSTEAD = bounded(
    rf"[\s,.:;!…—–*\"'(-]+{OPTION}(?i:[\s,]+(?:is|was)\s+(?:better|preferred|best))?(?=\W*$|\W*\n|[\s,]+(?i:because|since|as)\b)",
    most=5,
)
_TAKEN_BACK = re.compile(
    r"\bscratch that\b|\bon second thoughts?\b|\bi take (?:that|it) back\b|\bchanged? my mind\b"
    r"|^\W{0,8}(?:wait|correction)\b",
    re.I | re.M,
)
_LOOSE_TIE = re.compile(r"\bneither\b|\bequally\b")


def find_verdict(text: str) -> Found | None:
    """Return the verdict of an answer, or None if it states none."""
    readers = (_retracted, _structured, _alone, find_in_prose, _first_line)
    for reader in readers:
        reading = reader(text)
        if reading is not None:
            return None if reading == "undecided" else reading
    return None


def says_tie(text: str) -> bool:
    """Return whether an answer without a verdict states a tie: both, neither, equally good."""
    values = [_value(match)[0] for match in _KEYED.finditer(text)]
    values += [one or two for one, two in _MARKS.findall(text)]
    values.append(text[-100:])
    return any(value.strip(" \t\n.*\"'").lower() in TIE_VALUES for value in values) or any(
        pattern.search(text.lower()) for pattern in (TIES, _LOOSE_TIE)
    )


def _retracted(text: str) -> Reading:
    """A correction at the end of the answer: "B. Wait, actually A." JSON is handled elsewhere."""
    kept = text.rstrip()
    start = max(0, len(kept) - TAIL)
    if kept.endswith(("}", "`")):
        return None
    found, plain = None, plain_digits(kept)
    for thought in _RECONSIDERED.finditer(plain, start):
        verdict = _INSTEAD.match(plain, thought.end())
        found = found_in(verdict) if verdict else found
    later = found is not None and CUES.search(kept.lower(), found.end + 24)  # a statement after it counts instead
    return None if later else found


def _structured(text: str) -> Reading:
    reading: Reading = None
    keyed = list(_KEYED.finditer(text)) if ":" in text else []
    for match in reversed(keyed):
        value, start = _value(match)
        if match["more"]:  # the template repeated: "A" or "B"
            continue
        inner = _VALUE.match(plain_digits(value)) or None
        found = found_in(inner, start) if inner else _prose_found(value, start)
        if found or value.strip(" .").lower() in TIE_VALUES:
            return found or "undecided"
        reading = "undecided"
    marks = list(_MARKS.finditer(text)) if "[[" in text or "\\boxed" in text else []
    if marks and reading is None:
        group = marks[-1].lastindex or 1
        side = side_of(marks[-1][group])
        return Found(side, *marks[-1].span(group)) if side else "undecided"
    if reading is None and text.lstrip("`jsonJSON \t\n").startswith("{") and not text.rstrip("` \n").endswith("}"):
        return "undecided"  # an object truncated before its verdict
    return reading


def _value(match: re.Match[str]) -> tuple[str, int]:
    for name in ("double", "single", "plain"):
        if match[name] is not None:
            return match[name], match.start(name)
    return "", match.end()


def _prose_found(text: str, offset: int) -> Found | None:
    reading = find_in_prose(text)
    return Found(reading.side, reading.start + offset, reading.end + offset) if isinstance(reading, Found) else None


def _line(line: str, offset: int) -> Found | None:
    match = (
        _ALONE.fullmatch(plain_digits(line)) if 0 < len(line) <= 60 and not line.rstrip(" *_").endswith(":") else None
    )
    return found_in(match, offset) if match else None


def _alone(text: str) -> Reading:
    """The verdict if the whole answer, or its last line, is an option."""
    if text.rstrip().strip(" \t\n.*\"'`").lower() in TIE_VALUES:
        return "undecided"
    return _line(*last_line(text))


def _first_line(text: str) -> Reading:
    """A bare option on the first line, followed by an explanation; not if the lines are headings of both options."""
    kept = text.lstrip()
    offset = len(text) - len(kept)
    found = None if kept.startswith("#") else _line(kept.split("\n", 1)[0], offset)
    if found is None or len(kept) > 20_000:
        return found
    if _TAKEN_BACK.search(kept):
        return "undecided"
    headings = (_line(line.strip("#: "), 0) for line in kept.split("\n")[1:])
    return None if any(one and one.side != found.side for one in headings) else found
