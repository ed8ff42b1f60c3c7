"""Finds the verdict in a model's answer: the side, and the position of the deciding letter.

    find_verdict("Output (a) rhymes better, but overall Output (b) is better.")    # Found("b", 50, 51)

The most reliable places are searched first: a verdict key of a JSON object, an ``[[A]]`` mark, an answer or last line
that consists of an option, then prose. Prose is searched backwards around words that announce a verdict ("better",
"prefer", "answer"): the last unqualified statement wins; a qualified one ("better at rhyme") counts only in a complete
answer that praises no other side. A tie stated after the last unqualified statement cancels it. Nothing is guessed. All
search windows are bounded, so that time is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal, NamedTuple

from personalrm.formatting.expressions import bounded
from personalrm.preferences import Side


class Found(NamedTuple):
    """A verdict; ``start`` and ``end`` delimit the deciding letter, digit or word in the text."""

    side: Side
    start: int
    end: int


Reading = Found | Literal["undecided"] | None
"""A verdict; "undecided" for a tie or a truncated value; None to search on."""

SIDES: dict[str, Side] = {
    "a": "a", "1": "a", "one": "a", "first": "a", "b": "b", "2": "b", "two": "b", "second": "b",
}  # fmt: skip
TIE_VALUES = frozenset(
    ["tie", "tied", "draw", "both", "neither", "either", "equal", "equally", "same", "none", "null", "c", "0"]
)

NOUN = (
    r"(?:output|response|completion|assistant|answer|option|candidate|model|choice|reply|text|argument"
    r"|essay|summary|version|conversation)"
)
# Names of a side. A bare letter must be upper case ("a" is an article) and separate.
_OPTION = (
    rf"(?:\b(?i:{NOUN})[\s_*`\"'“‘(\[#:-]{{0,4}}(?P<named>[abAB12１２１٢١१२]|(?i:one|two))(?![\w'’])[)\]*_`\"'”’]{{0,4}}"
    rf"|\b(?P<order>(?i:first|second))(?:\s+(?i:{NOUN}|one)\b|(?=\s+(?i:is|was|wins)\b|\W*$|\s*[.!\n]))"
    r"|(?<![\w)])[(\[\"'“‘*`]{1,3}(?P<marked>[abAB12])[)\]\"'”’*`]{1,3}"
    r"|(?<![\w'’-])(?P<bare>[AB])(?![\w'’&/-])(?!\s+(?i:tie|draw)\b))"
)
_OPTIONS = bounded(_OPTION)
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

_CUES = re.compile(
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
    rf"(?:{_OPTION}|(?P<letter>[ab12])(?=[)\]\"'”*`]*\s*(?:[.!\n,;}}]|$)))"
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
_TIES = re.compile(
    r"\bneither\b[^.\n]{0,90}\b(?:better|best|prefer|superior|winner)"
    r"|\bequally (?:good|bad|valid|matched|preferable)|\b(?:is|was|as|be|it|['’]s|:) a (?:tie|draw)\b"
    r"|\bno (?:clear )?(?:winner|preference)\b|\btoo close to call"
    r"|\b(?:can ?not|can['’]t) (?:determine|decide|choose|say)\b"
)
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
    rf"[\s,.:;!…—–*\"'(-]+{_OPTION}(?i:[\s,]+(?:is|was)\s+(?:better|preferred|best))?(?=\W*$|\W*\n|[\s,]+(?i:because|since|as)\b)",
    most=5,
)
_TAKEN_BACK = re.compile(
    r"\bscratch that\b|\bon second thoughts?\b|\bi take (?:that|it) back\b|\bchanged? my mind\b"
    r"|^\W{0,8}(?:wait|correction)\b",
    re.I | re.M,
)
_LOOSE_TIE = re.compile(r"\bneither\b|\bequally\b")
_TAIL = 400


def find_verdict(text: str) -> Found | None:
    """Return the verdict of an answer, or None if it states none."""
    readers = (_retracted, _structured, _alone, _prose, _first_line)
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
        pattern.search(text.lower()) for pattern in (_TIES, _LOOSE_TIE)
    )


def normal(word: str) -> str:
    """Return the plain form of a letter or digit: full-width, circled and other scripts' digits become 1 and 2."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKC", word).lower()
    return str(unicodedata.digit(plain)) if len(plain) == 1 and plain.isdigit() else plain


def side_of(word: str) -> Side | None:
    return SIDES.get(normal(word))


def last_line(text: str) -> tuple[str, int]:
    """The last line that is not blank, without blanks at its end, and where it starts in the text."""
    kept = text.rstrip()
    start = kept.rfind("\n") + 1
    return kept[start:], start


def found_in(match: re.Match[str], offset: int = 0) -> Found | None:
    """The side that a match of a regex with option groups names; ``offset`` is that of the slice in the text."""
    name = match.lastgroup
    side = side_of(match[name]) if name else None
    return Found(side, offset + match.start(name), offset + match.end(name)) if name and side else None


def _retracted(text: str) -> Reading:
    """A correction at the end of the answer: "B. Wait, actually A." JSON is handled elsewhere."""
    kept = text.rstrip()
    start = max(0, len(kept) - _TAIL)
    if kept.endswith(("}", "`")):
        return None
    found, plain = None, _digits(kept)
    for thought in _RECONSIDERED.finditer(plain, start):
        verdict = _INSTEAD.match(plain, thought.end())
        found = found_in(verdict) if verdict else found
    later = found is not None and _CUES.search(kept.lower(), found.end + 24)  # a statement after it counts instead
    return None if later else found


def _structured(text: str) -> Reading:
    reading: Reading = None
    keyed = list(_KEYED.finditer(text)) if ":" in text else []
    for match in reversed(keyed):
        value, start = _value(match)
        if match["more"]:  # the template repeated: "A" or "B"
            continue
        inner = _VALUE.match(_digits(value)) or None
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


def _digits(text: str) -> str:
    """The text with digits and letters of other scripts in plain form, of the same length."""
    if text.isascii():
        return text
    return "".join(plain if len(plain := normal(one)) == 1 else one for one in text)


def _prose_found(text: str, offset: int) -> Found | None:
    reading = _prose(text)
    return Found(reading.side, reading.start + offset, reading.end + offset) if isinstance(reading, Found) else None


def _line(line: str, offset: int) -> Found | None:
    match = _ALONE.fullmatch(_digits(line)) if 0 < len(line) <= 60 and not line.rstrip(" *_").endswith(":") else None
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


def _prose(text: str) -> Reading:
    lower = text.lower()
    if len(lower) != len(text):  # a few letters grow when lowered; positions must stay those of the text
        lower = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    weak: list[Found] = []
    for found, plain in _statements(text, lower):
        if plain:
            return "undecided" if _TIES.search(lower, found.end) else found
        weak.append(found)
    finished = text.rstrip().endswith((".", "!", "*", '"', "”", "`", "。"))
    if not weak or not finished or len({one.side for one in weak}) > 1 or _TIES.search(lower):
        return None
    return weak[0]


def _statements(text: str, lower: str) -> Iterator[tuple[Found, bool]]:
    """Every statement of a preference, last first, and whether it is unqualified (not "better at rhyme")."""
    middle = max(0, len(text) - _TAIL)
    for begin, end in ((middle, len(text)), (0, middle)):
        for cue in reversed(list(_CUES.finditer(lower, begin, end + 16))):  # 16: a cue across the border
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
    options = list(_OPTIONS.finditer(left))
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
