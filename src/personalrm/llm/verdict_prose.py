"""Verdicts in prose: the last unqualified statement that one side is better, or preferred, or the answer.

    find_in_prose("Output (a) rhymes better, but overall Output (b) is better.")   # Found("b", 46, 47)
    find_in_prose("(a) is better at rhyme")                                        # None: qualified, and cut off

Prose is searched backwards around words that announce a verdict ("better", "prefer", "answer"). A qualified statement
("better at rhyme") counts only in a complete answer that praises no other side; a tie stated after the last
unqualified statement cancels it. All search windows are bounded, so that time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from personalrm.formatting.expressions import bounded
from personalrm.llm.verdict_sides import NOUN, OPTION, OPTIONS, Found, Reading, found_in

CUES = re.compile(
    r"better|best\b|prefer|superior|winner|winning|wins\b|stronger|choose|chose|choice|pick|select|favou?r|verdict"
    r"|answer|decision|opt for|go with|vote|recommend|outperform|judge?ment|conclusion|more aligned|would say|['’]d say"
)
_OBJECT_ONLY = frozenset(
    {"choose", "verdict", "answer", "decision", "opt for", "go with", "vote", "recommend", "judgement", "judgment"}
    | {"would say", "'d say", "’d say"}
)
_PASSIVE = re.compile(r"red|able|ed|s\b|\W|$")  # "preferred", not "preferences"
_SAID_OF = rf"(?:\s+(?i:{NOUN}|one|of the two|pick|overall))*(?:\s*\([^)\n]{{0,30}}\))?"
_OBJECT = bounded(
    r"(?:(?i:prefer|choose|chose|pick|select|favou?r|opt for|go with|vote|recommend|would say|['’]d say)(?i:s|ed|ence)?"
    r"(?:\s+(?i:is|of|to|be|for|goes))*"
    r"|(?i:better|best|preferred|superior|winning|stronger|winner|choice|verdict|answer|decision|judge?ment|conclusion|pick)"
    rf"{_SAID_OF}[\s*_\"']*(?:(?i:is|was|would\s+be|must\s+be|goes\s+to)\b(?:\s+(?i:that|clearly|therefore|thus))?"
    r"|[:=→]|-+>))[\s:*_\"'“(`]{0,6}?(?:(?i:the|that|with|for)\s+)?"
    rf"(?:{OPTION}|(?P<letter>[ab12])(?=[)\]\"'”*`]*\s*(?:[.!\n,;}}]|$)))"
)
_VERB = bounded(
    r"(?:\b(?:is|be|was|seems|appears|remains|as|does|are|it|aligns|matches|fits|suits|meets)\W+|^\W{0,4}['’]s\s+)"
    r"(?:[\w-]{1,30}\s+){0,3}\W*$",
    re.IGNORECASE,
)
_STRONG_VERB = bounded(r"wins|outperform")
_ADVERBS = bounded(r"\W*(?:(?:clearly|narrowly|slightly|easily|just|still|also)\s+)?\W*", re.I)
_NEGATED = re.compile(r"\b(?:not(?! only)|never|no|hardly|neither|nor|less|cannot|could|whether|if)\b|n['’]t\b", re.I)
_DOUBTED = re.compile(r"\b(?:not(?! only)|never|neither|nor|cannot|whether|if|unless)\b|n['’]t\b", re.I)
_COMPARED = bounded(
    r"\b(?:than|over|unlike|to|with|from|like|in|of|by|for|against|instead of)\s+(?:the\s+)?\W{0,3}$", re.I
)
_JOINED = bounded(r"\W*(?:and|or|nor|&|/|vs\.?|versus)\W*(?:the\W*)?", re.I)
_BREAK = re.compile(
    r"[.!?;]\s|\n|,|:\s|\b(?:but|so|therefore|thus|hence|because|and|while|however|since)\b"
    r"|(?<!think )(?<!say )(?<!claim )(?<!believe )\bthat\b",
    re.I,
)
_PLAIN = bounded(
    rf"(?:red|able|ed|s)?(?:[\"'*”_)]|\s+(?:{NOUN}|one|of the two|overall|here|pick|fit|match)\b){{0,8}}"
    rf"(?:\s+(?:than|to|over)\s+(?:the\s+)?(?:other(?:\s+(?:{NOUN}|one))?|{NOUN}?\W{{0,3}}[ab12]\b\)?|it))?"
    r"(?:\s*(?:[.,;:!?)\]\"'*}”\n–—]|$)|\s+(?:because|since|as|due|given|overall|and|but|however|while|although|considering)\b"
    r"|\s+for\s+(?:\w{1,30}\s+){1,2}reasons?\b)",
    re.I,
    most=4,
)
_CONCLUDES = re.compile(
    r"\b(?:overall|therefore|thus|hence|in conclusion|in summary|to conclude|finally|ultimately|all in all"
    r"|consequently|so)\b",
    re.I,
)
_SENTENCE_END = re.compile(r"[.!?;]\s|\n")
TIES = re.compile(
    r"\bneither\b[^.\n]{0,90}\b(?:better|best|prefer|superior|winner)"
    r"|\bequally (?:good|bad|valid|matched|preferable)|\b(?:is|was|as|be|it|['’]s|:) a (?:tie|draw)\b"
    r"|\bno (?:clear )?(?:winner|preference)\b|\btoo close to call"
    r"|\b(?:can ?not|can['’]t) (?:determine|decide|choose|say)\b"
)
TAIL = 400
"""Characters at the end of an answer that are searched first."""


def find_in_prose(text: str) -> Reading:
    lower = text.lower()
    if len(lower) != len(text):  # a few letters grow when lowered; positions must stay those of the text
        lower = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    weak: list[Found] = []
    for found, plain in _statements(text, lower):
        if plain:
            return "undecided" if TIES.search(lower, found.end) else found
        weak.append(found)
    finished = text.rstrip().endswith((".", "!", "*", '"', "”", "`", "。"))
    if not weak or not finished or len({one.side for one in weak}) > 1 or TIES.search(lower):
        return None
    return weak[0]


def _statements(text: str, lower: str) -> Iterator[tuple[Found, bool]]:
    """Every statement of a preference, last first, and whether it is unqualified (not "better at rhyme")."""
    middle = max(0, len(text) - TAIL)
    for begin, end in ((middle, len(text)), (0, middle)):
        for cue in reversed(list(CUES.finditer(lower, begin, end + 16))):  # 16: a cue across the border
            statement = _statement(text, cue) if cue.start() < end else None
            if statement:
                yield statement


def _statement(text: str, cue: re.Match[str]) -> tuple[Found, bool] | None:
    begin = max(0, cue.start() - 160)
    left = text[begin : cue.start()]
    for stop in _SENTENCE_END.finditer(left):
        begin = max(begin, cue.start() - len(left) + stop.end())
    left = text[begin : cue.start()]
    if cue[0] not in _OBJECT_ONLY and _PASSIVE.match(text, cue.end()):
        said, found = _subject(left, begin, cue[0])
        if said:
            plain = bool(_PLAIN.match(text, cue.end())) or bool(_CONCLUDES.search(left))
            return (found, plain) if found else None
    object_ = _OBJECT.match(text, cue.start(), cue.start() + 100)
    if object_ is None or _DOUBTED.search(_clause(left)):
        return None
    found = found_in(object_)
    return (found, True) if found else None


def _subject(left: str, offset: int, cue: str) -> tuple[bool, Found | None]:
    """Whether the cue refers to an option before it, and to which; None if it is negated or refers to both."""
    options = list(OPTIONS.finditer(left))
    for index in range(len(options) - 1, -1, -1):
        option, filler = options[index], left[options[index].end() :]
        before = left[: option.start()]
        if _COMPARED.search(before[-24:]):
            continue
        direct = _STRONG_VERB.match(cue) or option.lastgroup != "bare"  # "A better answer …" is about neither
        if not (_VERB.search(filler) or (direct and _ADVERBS.fullmatch(filler))):
            return False, None
        joined = index > 0 and _JOINED.fullmatch(left, options[index - 1].end(), option.start())
        if joined or _NEGATED.search(filler) or _DOUBTED.search(_clause(before)):
            return True, None
        return True, found_in(option, offset)
    return False, None


def _clause(before: str) -> str:
    """The clause of a sentence that belongs to the following text."""
    start = 0
    for stop in _BREAK.finditer(before):
        start = stop.end()
    return before[start:]
