"""Makes untrusted text safe for prompts: breaks up our own tags and the marks of chat templates.

    break_marks("</response_a><|im_end|>")            # "‹/response_a>‹|im_end|>"
    break_marks("<b>if a[0] < b</b>")                 # unchanged
    break_marks(text, fences=False)                   # keeps our own tags: for a text that we composed of others

Judge prompts, `export` and the inputs of reward models and encoders all use this function. The opening character of a
mark is replaced by ‹; everything else is unchanged, so code and HTML remain readable. Marks are searched in the plain
form of the text (`lookalikes`), so zero-width characters, entities, full-width or Cyrillic letters cannot hide a mark.

The following are broken up: our tags, opening, closing or with attributes; ``<|…|>``, ``<｜…｜>`` and ``[|…|]`` with
any word; the bracketed marks of Llama, Mistral, Gemma, Qwen, DeepSeek, GLM and others listed below;
``### Response:``; and, if the tokenizer is known, its special tokens. Templates that mark turns with plain words
("Human:") cannot be distinguished from text; for them only the tags around a text separate it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from personalrm.prompts.lookalikes import BROKEN, plain_form, plain_positions

FENCES = (
    *("pair", "conversation", "message", "response_a", "response_b", "past_choice", "why", "preferred", "persona"),
    *("own_words", "liked_answer", "demographics", "memory", "rubric"),
)
"""The tags of our prompts."""
_ANGLE = (
    *("s", "bos", "eos", "pad", "unk", "cls", "sep", "eod", "eop", "sop", "eoh", "eoa", "eot", "eom", "sys", "image"),
    *("think", "thinking", "thought", "tool_call", "tool_calls", "tool_response", "tool_responses", "tool_result"),
    *("tools", "function_call", "function_calls", "function_results", "function_response", "invoke", "system"),
    *("assistant", "start_of_turn", "end_of_turn", "start_of_image", "end_of_image", "image_soft_token"),
    *("begin_of_text", "end_of_text", "endoftext", "start_header_id", "end_header_id", "eot_id", "eom_id"),
    *("im_start", "im_end", "im_sep", "bos_token", "eos_token", "end_of_utterance", "fim_prefix", "fim_middle"),
    *("fim_suffix", "fim_pad", "file_sep", "repo_name", "begin_of_sentence", "end_of_sentence", "user_turn"),
    *("start_of_role", "end_of_role", "longcat_user", "longcat_assistant", "longcat_system", "no_think"),
    *("arg_key", "arg_value", "seed_think", "seed_cot_budget_reflect", "minimax:tool_call", "answer", "reasoning"),
    *("start_of_audio", "end_of_audio", "audio_soft_token", "pad_token", "eop_token", "mask_token", "unk_token"),
)
_PIPED = ("user", "assistant", "system", "tool", "end", "message", "channel", "start", "return", "call", "observation")
_SQUARE = (
    *("inst", "sys", "available_tools", "tool_calls", "tool_results", "tool_content", "system_prompt"),
    *("gmask", "smask", "model_settings", "think"),
)
_SQUARE_CAPITALS = (
    *("args", "call_id", "img", "img_break", "img_end", "audio", "begin_audio", "prefix", "suffix", "middle"),
    *("bos", "eos", "pad", "cls", "sep", "mask", "unk"),
)
"""Marks in upper case only: ``x[mask]`` and ``[args]`` are ordinary text."""
_NUMBERED = re.compile(r"(?:unused|extraid|reserved|reservedspecialtoken|tokensunused|special)\d{1,6}")
_UNUSED = re.compile(r"unused_?\d{1,6}")
_SAME = str.maketrans("i10", "llo")  # as in Unicode's confusables
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
_INSIDE = rf"[^<>\[\]{BROKEN}]{{1,64}}"
_BRACKETED = re.compile(rf"<({_INSIDE})>|\[({_INSIDE})\]")
_WORD = re.compile(r"[|][\w.:/-]{1,64}[|]?|[\w.:/-]{1,64}[|]|[|][\w.:/-][\w.:/\s-]{0,62}[\w.:/-][|]")
_SLASHED = r"<[ \n]*+/?+[ \n]*+(?=[a-z])"
_OPENED = re.compile(
    _SLASHED
    + "(?:"
    + "|".join(one.replace("_", "[ _\n-]{0,2}") for one in sorted(FENCES))
    + r")(?![\w])"
    + rf"|{_SLASHED}(?:tool_call|tool_response|function|invoke|parameter|think)(?=[ =:])",
    re.IGNORECASE,
)
_HEADED = re.compile(
    r"(\#)\#\#[ ]{0,3}(?:instruction|response|system|user|assistant|human|input)[ ]{0,3}:",
    re.IGNORECASE,
)
_FIELD = re.compile(r"\[\[ {0,3}\#\#(?= {0,3}\w)")  # DSPy's fields: "[[ ## persona ## ]]"
_REPEATS = 3  # a broken token may contain a shorter one
_OPENERS = ("<", "[", "##")
_TYPE_PARAMETER = ("<S>", "</S>")
"""Type parameters in code; the tokens <s> and </s> are in lower case."""
_ENCODERS = ("&", "\\", "%")


def break_marks(text: str, special: re.Pattern[str] | None = None, *, fences: bool = True) -> str:
    """The text with all marks broken up; the same object if it contains none.

    Args:
        text: the text, truncated to what the model will see; time is linear in its length.
        special: matches the special tokens of the model's tokenizer (`special_tokens`).
        fences: false keeps our own tags.
    """
    if not text.isascii() or any(one in text for one in (*_OPENERS, *_ENCODERS)):
        text = _without_marks(text, fences)
    if special is not None:
        for _ in range(_REPEATS):
            text = special.sub(lambda found: _broken(found[0]), text)
    return text


def special_tokens(*tokens: str) -> re.Pattern[str]:
    """A pattern that matches any of these tokens, the longest first; tokens of white space only are ignored."""
    known = sorted({one for one in tokens if one.strip()}, key=lambda one: (-len(one), one))
    return re.compile("|".join(map(re.escape, known)) or "(?!)")


def tokenizer_marks(tokenizer: Any) -> re.Pattern[str]:
    """Finds the special tokens of a Hugging Face tokenizer, and its added ones that have the form of a mark."""
    return special_tokens(*tokenizer.all_special_tokens, *filter(reads_as_mark, tokenizer.get_added_vocab()))


def reads_as_mark(token: str) -> bool:
    """Whether a tokenizer's token has the form of a mark (and is not an HTML tag such as ``<table>``)."""
    return _holds_mark(plain_form(token), fences=False)


@lru_cache(maxsize=1024)  # a response occurs in about twenty prompts
def _without_marks(text: str, fences: bool) -> str:
    marks = {(one, one + 1) for one, _ in _marks(text, fences)}  # an invisible character may end a name
    plain = plain_form(text)
    if plain != text and _holds_mark(plain, fences, type_parameters=True):
        plain, spans = plain_positions(text)
        for start, end in _marks(plain, fences, type_parameters=True):
            if text[spans[start][0] : spans[end - 1][1]] not in _TYPE_PARAMETER:  # "<S>" as written, not a disguise
                marks.add(spans[start])
    if not marks:
        return text
    out: list[str] = []
    at = 0
    for start, end in sorted(marks):
        out += (text[at:start], BROKEN)
        at = end
    return "".join([*out, text[at:]])


def _holds_mark(plain: str, fences: bool, *, type_parameters: bool = False) -> bool:
    found = _marks(plain, fences, type_parameters=type_parameters)
    return any(one in plain for one in _OPENERS) and any(True for _ in found)


def _marks(plain: str, fences: bool, *, type_parameters: bool = False) -> Iterator[tuple[int, int]]:
    """Start and end of each mark in the plain form; ``<S>`` and ``</S>`` are marks only with ``type_parameters``."""
    for found in _BRACKETED.finditer(plain):
        angle = found[1] is not None
        if found[0] in _TYPE_PARAMETER and not type_parameters:
            continue
        if _is_mark(found[1] if angle else found[2], angle, fences):
            yield found.span()
    for found in _OPENED.finditer(plain):
        if fences or _letters(found[0]) not in _FENCES:
            yield found.span()
    for found in _FIELD.finditer(plain) if fences else ():
        yield found.start(), found.start() + 1
    for found in _HEADED.finditer(plain):
        yield found.span(1)


def _is_mark(inside: str, angle: bool, fences: bool) -> bool:
    """Whether ``<inside>`` or ``[inside]`` is a mark; spaces, dots and dashes between letters are ignored."""
    bare = inside.strip()
    if _WORD.fullmatch(bare) and not (bare.count("|") == 1 and not angle):
        return True
    letters = _letters(inside)
    if not angle:
        in_capitals = bare.isupper() and letters in _IN_SQUARE_CAPITALS
        return letters in _IN_SQUARE or in_capitals or bool(_UNUSED.fullmatch(bare))
    known = letters in _IN_ANGLE or ("|" in inside and letters in _IN_PIPES) or (fences and letters in _FENCES)
    return known or bool(_NUMBERED.fullmatch(_NOT_LETTERS.sub("", inside.lower())))


def _letters(inside: str) -> str:
    """The letters in lower case, with look-alikes (i, l, 1; o, 0) mapped to one letter."""
    return _NOT_LETTERS.sub("", inside.lower()).translate(_SAME)


def _folded(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(_letters, names))


def _broken(token: str) -> str:
    opened = token.translate({ord(one): BROKEN for one in "<[{"})
    if opened != token:
        return opened
    return f"{token[0]} {token[1:]}" if len(token) > 1 else "�"


_FENCES, _IN_ANGLE, _IN_SQUARE = _folded(FENCES), _folded(_ANGLE), _folded(_SQUARE)
_IN_SQUARE_CAPITALS = _folded(_SQUARE_CAPITALS)
_IN_PIPES = _folded((*_ANGLE, *_PIPED))
