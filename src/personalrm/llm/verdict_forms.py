"""Verdicts in special forms: comparisons ("[[A>>B]]"), tags ("<winner>B</winner>"), an option with a reason.

    verdict_of("My final verdict is: [[B>>A]]")        # Found("b", 24, 25)
    verdict_of("Final verdict: A = B")                 # None: a tie is no verdict
    verdict_of("B, since it is short.")                # Found("b", 0, 1)

A comparison or a tag is unambiguous whatever precedes it, so it is read first; then `verdicts` reads JSON, marks and
prose; an option at the start of the answer is read last, and only if the other option is named nowhere except as the
one compared with. All repetitions are bounded, so that time is linear in the text.
"""

from __future__ import annotations

import re

from personalrm.formatting.expressions import bounded
from personalrm.llm.verdict_sides import NOUN, TIE_VALUES, Found, Reading, found_in, last_line, side_of
from personalrm.llm.verdicts import KEYS, find_verdict

_MORE = ">≻≫⟩"
_LESS = "<≺≪⟨"
_EVEN = "=≈~"
_SIGN = rf"(?P<sign>[{_MORE}]{{1,3}}|[{_LESS}]{{1,3}}|[{_EVEN}]{{1,3}})"
_NAMED = rf"(?:(?i:{NOUN})[ _]?)?"
_COMPARED = rf"{_NAMED}(?P<left>[AB12])[*_`)\]]{{0,3}} ?{_SIGN} ?[*_`(\[]{{0,3}}{_NAMED}(?P<right>[AB12])"
_MARKED = bounded(rf"\[\[\s*{_COMPARED}\s*\]\]")
_LINE = bounded(
    r"[\s*_`#>-]{0,8}"
    rf"(?:(?i:(?:(?:the|my|so|thus|overall|final)\s){{0,3}}(?:{KEYS}|overall)(?:\s(?:is|ranking))?)[*_]{{0,2}}\s*[:=→]?\s*)?"
    rf"[*_`(\[]{{0,4}}{_COMPARED}[\s*_`)\].!]{{0,8}}(?:(?:,|because|since|as)\b.*)?"
)
_TAGGED = bounded(rf"<(?P<tag>(?i:{KEYS}))>\s*(?:(?i:{NOUN})[\s_]*)?(?P<side>\w{{1,12}})\s*</(?P=tag)>")
_LONGEST_LINE = 400
_ANSWER = (
    r"(?i:antwort|wahl|r[ée]ponse|choix|respuesta|elecci[óo]n|resposta|escolha|risposta|scelta|antwoord|odpowied[źz]|svar"
    r"|yan[ıi]t|cevap|jawaban|ответ|выбор|відповідь|答案|回答|选择|選擇|选项|答え|選択|정답|답변|선택|उत्तर|الإجابة|الجواب)"
)
_IN_OTHER_LANGUAGE = bounded(
    rf"[\s*_#>-]{{0,8}}{_ANSWER}[*_]{{0,2}}\s?[:：=]\s?[*_`(\[\"“「]{{0,4}}{_NAMED}(?P<side>[AB])\W{{0,8}}"
)

_LEANS = (
    r"(?:(?i:(?:most )?likely|probably|definitely|clearly|certainly|i (?:think|believe|guess|suppose)"
    r"|(?:i(?:['’]d| would|['’]m| am)?\s+)?lean(?:s|ing)?(?:\s+towards?)?|let['’]s (?:say|go with)))[\s,:*_]{1,4}"
)
_REASON = (
    r"[*_`)\]]{0,3}(?:[.!]?\s*$|\s*[,.;:–—(-]{0,2}\s*(?i:because|since|by far|no doubt|without (?:a|any) doubt"
    r"|hands down|for sure|definitely|clearly|certainly|obviously|i (?:think|believe|guess|suppose)|it is\b(?! not)"
    r"|is (?:the (?:one|right|better|best)|what|closer|more (?:like|to))"
    r"|would (?:suit|fit|please|satisfy|appeal|match|be (?:the (?:one|better|best)|more to|closer|preferred))"
    r"|(?:fits|suits|matches|beats|edges out|outranks|outdoes)\b)"
    r"|\s*[–—-]\s+(?i:it|because|since|they|the (?:person|user))\b)"
)
_OPENING = bounded(
    rf"[\s*_`(\[\"“]{{0,6}}(?:{_LEANS})?[*_`(\[]{{0,3}}(?i:the )?{_NAMED}(?P<side>[AB])(?![\w'’&/]){_REASON}"
)
_OTHER = re.compile(r"(?<![\w'’-])[AB](?![\w'’&/-])")
_AGAINST = bounded(
    r"\b(?:than|over|above|to|unlike|while|whereas|beats|out|outranks|outdoes|with|and)\W{1,4}"
    rf"(?:the )?{_NAMED}[*_`(\[]*$",
    re.IGNORECASE,
)
_REACH = 40
_DOUBT = re.compile(
    r"\b(?:but|however|although|though|not|never|neither|nor|wait|actually|no)\b(?! doubt)|n['’]t\b", re.IGNORECASE
)
_LONGEST_OPENING = 1_000


def verdict_of(text: str) -> Found | None:
    """Return the verdict of an answer in any form, or None if it states none."""
    reading = _comparison(text) or _tagged(text) or _in_other_language(text)
    if reading is not None:
        return None if reading == "undecided" else reading
    return find_verdict(text) or _opening(text)


def says_even(text: str) -> bool:
    """Return whether a comparison or a tag states a tie: "[[A=B]]", "<winner>tie</winner>"."""
    return (_comparison(text) or _tagged(text)) == "undecided"


def _comparison(text: str) -> Reading:
    """The last comparison in double brackets, else a last line that is one: "A > B", "[[A=B]]", "Verdict: B ≻ A"."""
    marks = list(_MARKED.finditer(text)) if "[[" in text else []
    if marks:
        return _preferred(marks[-1], 0)
    whole, start = last_line(text)
    line = whole[:_LONGEST_LINE]
    found = _LINE.fullmatch(line)
    if found is None or (found["left"].isdigit() and found[0].strip() != line.strip("*_`#. \t")):
        return None
    return _preferred(found, start)


def _preferred(found: re.Match[str], offset: int) -> Reading:
    left, right = side_of(found["left"]), side_of(found["right"])
    if left is None or right is None or left == right or found["left"].isdigit() != found["right"].isdigit():
        return None
    sign = found["sign"][0]
    if sign in _EVEN:
        return "undecided"
    group = "left" if sign in _MORE else "right"
    side = left if group == "left" else right
    return Found(side, offset + found.start(group), offset + found.end(group))


def _in_other_language(text: str) -> Reading:
    """A last line that announces the answer in another language: "Antwort: B", "答案：B"."""
    line, start = last_line(text)
    found = _IN_OTHER_LANGUAGE.fullmatch(line)
    return None if found is None else found_in(found, start)


def _tagged(text: str) -> Reading:
    """The last verdict tag that holds a side or a tie: "<winner>B</winner>"."""
    for found in reversed(list(_TAGGED.finditer(text)) if "</" in text else []):
        side = found_in(found)
        if side is not None:
            return side
        if found["side"].lower() in TIE_VALUES:
            return "undecided"
    return None


def _opening(text: str) -> Found | None:
    """An option with its reason: "B, since it is short.", "I lean towards A". Nothing may support the other one."""
    found = _OPENING.match(text) if len(text) <= _LONGEST_OPENING else None
    opened = None if found is None else found_in(found)
    if opened is None or _DOUBT.search(text):
        return None
    for other in _OTHER.finditer(text, opened.end):
        before = text[max(0, other.start() - _REACH) : other.start()]
        if side_of(other[0]) != opened.side and not _AGAINST.search(before):
            return None
    return opened
