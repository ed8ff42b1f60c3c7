"""Remove the reasoning of reasoning models from their answers.

    without_thinking("<think>A number?</think>\\nEight minutes.")       # "Eight minutes."

Known marks: `<think>` and similar tags (also unclosed, or with a closing tag only, if the template wrote the opening
tag), Open WebUI's `<details type="reasoning">`, Kimi's and Mistral's marks, and the channels of gpt-oss. A mark in
backticks is text. The run time is linear in the length of the text.
"""

from __future__ import annotations

_DETAILS = "</details>"  # ends any collapsible section, so that only the opening mark tells that it is reasoning
_PAIRS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ('<details type="reasoning"', _DETAILS),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
)
_FINAL = "<|channel|>final<|message|>"
_ENDS = ("<|return|>", "<|end|>")
_SENTENCE_ENDS = tuple(".!?…。！？")


def without_thinking(text: str) -> str:
    """The text without reasoning; unchanged if it has none."""
    if "<" not in text and "[THINK]" not in text and "◁" not in text:
        return text
    if _FINAL in text:
        text = text.rpartition(_FINAL)[2]
        for end in _ENDS:
            text = text.partition(end)[0]
    for begin, end in _PAIRS:
        if begin in text or (end in text and end != _DETAILS):
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
                break  # the mark is mentioned within a sentence
            kept.append(text[place:at])
            place = len(text)
            break
        kept.append(text[place:at])
        place = search = close + len(end)
    if place == 0:
        return text
    return "".join([*kept, text[place:]]).strip()


def _after_lone_ends(text: str, begin: str, end: str) -> int:
    """Start of the answer after closing marks without an opening one; 0 if there are none."""
    start, first = 0, text.find(begin)
    while end != _DETAILS and (at := text.find(end, start)) >= 0 and (first < 0 or at < first):
        after = at + len(end)
        if not _ends_thinking(text[at - 1 : at], text[after : after + 1]):
            break
        start = after
    return start


def _ends_thinking(before: str, after: str) -> bool:
    """Whether a lone closing mark between these characters ends reasoning; else it is mentioned in a sentence."""
    if before == "`":
        return False
    return before == "\n" or after in ("", "\n", "\r") or before in _SENTENCE_ENDS or (before + after).isalnum()
