"""Suggest a `--columns` line for columns that match no known format.

suggested(["Ask", "Reply X", "Reply Y", "Pick"])      # "prompt=Ask,a=Reply X,b=Reply Y,winner=Pick"
suggested(["prompt", "response", "is_safe"])          # "prompt=prompt,response=response,liked=is_safe"
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from personalrm.data.column_roles import Layouts
from personalrm.data.columns import PREFERS, plain
from personalrm.data.mapping import Columns
from personalrm.errors import RowError

Words = frozenset[str]
NO_WORDS: Words = frozenset()
_ASKED = frozenset(
    ("prompt", "question", "instruction", "query", "ask", "asked", "input", "inputs", "context", "request", "message")
) | {"topic", "text", "title", "post", "task", "case", "messages"}
_PICKED = PREFERS | {"pick", "picked", "label", "result", "vote", "verdict", "judgement", "judgment", "selected"}
_GOOD = frozenset(("good", "better", "preferred", "chosen", "accepted", "winning", "positive", "best", "selected"))
_BAD = frozenset(("bad", "worse", "dispreferred", "rejected", "losing", "negative", "worst", "unselected", "other"))
_ANSWER = frozenset(
    ("response", "answer", "completion", "output", "outputs", "reply", "generation", "body", "text", "message")
) | {"summary", "candidate", "option", "version", "resp", "conv", "draft", "translation"}
_LIKED = frozenset(("thumb", "thumbs", "like", "liked", "feedback", "helpful", "is", "acceptable", "correct", "label"))
_RATED = frozenset(("rating", "score", "stars", "grade", "points"))
_PERSON = frozenset(("user", "annotator", "worker", "rater", "judge", "email", "person", "participant", "evaluator"))
_LETTERS = ({"a", "b"}, {"1", "2"}, {"left", "right"})
_BESIDE = _RATED | _PERSON | {"model", "id", "name", "time", "date", "source", "length", "tokens", "metadata", "rank"}


def suggested(names: Iterable[str]) -> str | None:
    """A mapping of these columns that makes choices, or None if none is likely."""
    usable = [name for name in names if name.strip() and not set(name) & set(",=+")]
    words = {name: frozenset(plain(name).split("_")) for name in usable}
    for roles in (_pair(words), _sides(words), _rated(words)):
        if roles is None:
            continue
        taken = set(roles.values())
        prompt = _first(words, _ASKED, taken)
        user = _first(words, _PERSON, {*taken, prompt})
        found = {**({"prompt": prompt} if prompt else {}), **roles, **({"user": user} if user else {})}
        line = ",".join(f"{role}={name}" for role, name in found.items())
        if _reads(line, usable, prompt is not None or "response" not in roles):
            return line
    return None


def _first(words: dict[str, Words], of: Words, taken: Iterable[str | None], but: Words = NO_WORDS) -> str | None:
    """The first free column with a word of ``of`` and none of ``but``."""
    return next((name for name, said in words.items() if name not in taken and said & of and not said & but), None)


def _pair(words: dict[str, Words]) -> dict[str, str] | None:
    chosen = _first(words, _GOOD, (), but=_BESIDE)
    rejected = _first(words, _BAD, {chosen}, but=_BESIDE)
    return {"chosen": chosen, "rejected": rejected} if chosen and rejected else None


def _sides(words: dict[str, Words]) -> dict[str, str] | None:
    """Two columns whose names differ in one word, and one that may say which is preferred."""
    for one, other in combinations(words, 2):
        first, second = plain(one).split("_"), plain(other).split("_")
        differ = [at for at, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]]
        if len(first) != len(second) or len(differ) != 1 or (words[one] | words[other]) & _BESIDE:
            continue
        if {first[differ[0]], second[differ[0]]} not in _LETTERS and not _answers(first, differ[0]):
            continue
        winner = _first(words, _PICKED, {one, other})
        if winner:
            return {"a": one, "b": other, "winner": winner}
    return None


def _answers(parts: Sequence[str], differ: int) -> bool:
    rest = {word for at, word in enumerate(parts) if at != differ}
    return bool(rest & _ANSWER) or any(word.rstrip("0123456789s") in _ANSWER for word in rest)


def _rated(words: dict[str, Words]) -> dict[str, str] | None:
    response = _first(words, _ANSWER, (), but=_BESIDE | _LIKED)
    for role, known in (("liked", _LIKED), ("score", _RATED)):
        name = _first(words, known, {response})
        if response and name:
            return {"response": response, role: name}
    return None


def _reads(line: str, names: Sequence[str], complete: bool) -> bool:
    try:
        return complete and bool(Layouts(Columns.parse(line)).of(dict.fromkeys(names)).kind)
    except RowError:
        return False
