"""What a reasoning model thinks before it answers is not its answer.

    without_thinking("<think>A number?</think>\\nEight minutes.")       # "Eight minutes."

Known are `<think>` and its like (also without an end, or with an end alone, where the template wrote the beginning),
Open WebUI's `<details type="reasoning">`, Kimi's and Mistral's marks, and the channels of gpt-oss. A mark in backticks
is text. Everything is linear in the length of the text.
"""

from __future__ import annotations

_PAIRS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ('<details type="reasoning"', "</details>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
)
_FINAL = "<|channel|>final<|message|>"
_ENDS = ("<|return|>", "<|end|>")


def without_thinking(text: str) -> str:
    """The answer alone; the text itself where there is no thinking."""
    if "<" not in text and "[THINK]" not in text and "◁" not in text:
        return text
    if _FINAL in text:
        text = text.rpartition(_FINAL)[2]
        for end in _ENDS:
            text = text.partition(end)[0]
    for begin, end in _PAIRS:
        if begin in text or end in text:
            text = _cut(text, begin, end)
    return text


def _cut(text: str, begin: str, end: str) -> str:
    start = _after_lone_ends(text, begin, end)
    kept, place, search = [], start, start
    while (at := text.find(begin, search)) >= 0:
        if text[at - 1 : at] == "`":
            search = at + len(begin)
            continue
        close = text.find(end, at)
        if close < 0:
            if text[start:at].strip() and text[at - 1] != "\n":
                break  # a word about the mark, in the middle of a sentence
            kept.append(text[place:at])
            place = len(text)
            break
        kept.append(text[place:at])
        place = search = close + len(end)
    if place == 0:
        return text
    return "".join([*kept, text[place:]]).strip()


def _after_lone_ends(text: str, begin: str, end: str) -> int:
    """Where the answer begins if the thinking has an end and no beginning."""
    start, first = 0, text.find(begin)
    while (at := text.find(end, start)) >= 0 and (first < 0 or at < first):
        after = at + len(end)
        if text[at - 1 : at] == "`" or not (text[after : after + 1] in ("", "\n", "\r") or text[at - 1 : at] == "\n"):
            break
        start = after
    return start
