"""From a user prompt, a conversation and a response to token ids, through the backbone's chat template.

    inputs = Inputs.of(tokenizer, max_length=512)
    ids, cut = inputs.encode("<persona>…</persona>", context, ["Yes.", "It depends."])
    inputs.text("<persona>…</persona>", context, "Yes.")        # input for a plain pipeline

The user prompt is the system turn; templates without a system role get it at the start of the first user turn. The ids
are those of ``tokenizer(text)``, so other software that renders the template and tokenises (pipelines, vLLM,
RewardBench) gets the same.

Truncation order: older turns are dropped, then the middle of the user prompt is cut, then that of the last question,
and last that of the response, whose end is always kept. Both responses of a pair are truncated alike, so that they
differ for the model only where they differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2.exceptions import TemplateError

from personalrm.errors import DataError
from personalrm.formatting.texts import encodable
from personalrm.preferences import Message
from personalrm.prompts.marks import break_marks, tokenizer_marks

_GAP = " ... "  # ASCII: a byte-level tokenizer would spend five tokens on an ellipsis
_LEAST_QUESTION, _LEAST_RESPONSE = 16, 16  # minimum tokens kept of each
_READ = 16  # maximum characters per token of any real text; tokenising 200,000 characters takes 0.2 s
_DATE = "26 Jul 2024"  # Llama 3's template inserts the current date, on which a reward must not depend
_ANSWERS = ("assistant", "model")


@dataclass(frozen=True, slots=True)
class Truncation:
    """Number of truncated inputs, and of all."""

    count: int
    of: int


@dataclass(frozen=True, slots=True)
class _Draft:
    """An input with its responses, in parts that can be truncated."""

    system: str
    turns: tuple[Message, ...]
    responses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Makes inputs for one tokenizer.

    Attributes:
        tokenizer: with a chat template.
        max_length: maximum tokens of an input.
        folds: whether the template has no system role.
        adds_start: whether the tokenizer adds the start token itself, so that the template's own is removed.
        gap: maximum tokens of the truncation mark.
        marks: matches the tokenizer's special tokens in texts, where they are escaped like all template markers.
    """

    tokenizer: Any
    max_length: int
    folds: bool
    adds_start: bool
    gap: int
    marks: re.Pattern[str]

    @classmethod
    def of(cls, tokenizer: Any, max_length: int) -> Inputs:
        """Inspect the tokenizer."""
        start = tokenizer.bos_token_id
        adds_start = start is not None and tokenizer("a")["input_ids"][:1] == [start]
        marks = tokenizer_marks(tokenizer)  # without HTML tags and line breaks
        gap = len(tokenizer(_GAP, add_special_tokens=False)["input_ids"]) + 1  # plus one for a word that is split
        return cls(tokenizer, max_length, not _takes_system(tokenizer), adds_start, gap, marks)

    def encode(
        self, system: str | None, context: Sequence[Message], responses: Sequence[str]
    ) -> tuple[list[list[int]], bool]:
        """Token ids for each response, and whether anything was truncated.

        Raises:
            DataError: the template rejects the conversation, or leaves no room.
        """
        draft, cut = self._draft(system, context, responses)
        found = self._ids(draft)
        for shorten in (self._without_oldest, self._shorter_system, self._shorter_question, self._shorter_responses):
            while (over := max(map(len, found)) - self.max_length) > 0:
                shorter = shorten(draft, over)
                if shorter is None:
                    break
                draft, found, cut = shorter, self._ids(shorter), True
        if max(map(len, found)) > self.max_length:
            raise DataError(f"the chat template alone exceeds {self.max_length} tokens: allow longer inputs")
        return found, cut

    def text(self, system: str | None, context: Sequence[Message], response: str) -> str:
        """The untruncated input as text; ``tokenizer(text)`` gives the ids of `encode` if nothing is truncated."""
        return self._rendered(self._draft(system, context, [response])[0], response)

    def _draft(self, system: str | None, context: Sequence[Message], responses: Sequence[str]) -> tuple[_Draft, bool]:
        instructions, turns = _dialogue(context)
        texts = [*([system] if system else []), *instructions, *(one.content for one in turns), *responses]
        cut = any(len(text) > _READ * self.max_length for text in texts)
        system_text = "\n\n".join(self._clean(text, fences=False) for text in [system or "", *instructions] if text)
        safe = tuple(replace(one, content=self._clean(one.content)) for one in turns)
        return _Draft(system_text, safe, tuple(self._clean(one) for one in responses)), cut

    def _clean(self, text: str, *, fences: bool = True) -> str:
        """Text that cannot open or close a turn: ``</s>`` becomes ``‹/s>``. The user prompt keeps its own tags."""
        longest = _READ * self.max_length
        if len(text) > longest:
            text = text[: longest // 2] + _GAP + text[-longest // 2 :]
        return break_marks(encodable(text), self.marks, fences=fences)

    def _ids(self, draft: _Draft) -> list[list[int]]:
        texts = [self._rendered(draft, one) for one in draft.responses]
        found: list[list[int]] = self.tokenizer(texts, verbose=False)["input_ids"]
        return found

    def _rendered(self, draft: _Draft, response: str) -> str:
        turns = (*draft.turns, Message("assistant", response))
        if draft.system and self.folds:
            opening = Message("user", f"{draft.system}\n\n{turns[0].content}".rstrip())
            turns = (opening, *turns[1:])
        elif draft.system:
            turns = (Message("system", draft.system), *turns)
        try:
            text = _render(self.tokenizer, turns)
        except TemplateError as error:
            raise DataError(f"the backbone's chat template rejects this conversation: {error}") from error
        return text.removeprefix(self.tokenizer.bos_token) if self.adds_start else text

    def _without_oldest(self, draft: _Draft, over: int) -> _Draft | None:
        """Question and answer are dropped together: templates want alternating turns."""
        return replace(draft, turns=draft.turns[2:]) if len(draft.turns) > 2 else None

    def _shorter_system(self, draft: _Draft, over: int) -> _Draft | None:
        shorter = self._shorter(draft.system, over, 0)
        return None if shorter is None else replace(draft, system=shorter)

    def _shorter_question(self, draft: _Draft, over: int) -> _Draft | None:
        shorter = self._shorter(draft.turns[-1].content, over, _LEAST_QUESTION)
        return None if shorter is None else replace(draft, turns=(*draft.turns[:-1], Message("user", shorter)))

    def _shorter_responses(self, draft: _Draft, over: int) -> _Draft | None:
        """All responses to one length, so that truncation does not change which is longer."""
        sizes = [self._size(one) for one in draft.responses]
        goal = max(sizes) - over
        cut = [
            self._shorter(one, size - goal, _LEAST_RESPONSE) if size > goal else None
            for one, size in zip(draft.responses, sizes, strict=True)
        ]
        if all(one is None for one in cut):
            return None
        kept = (old if new is None else new for old, new in zip(draft.responses, cut, strict=True))
        return replace(draft, responses=tuple(kept))

    def _shorter(self, text: str, by: int, least: int) -> str | None:
        """The text without ``by`` tokens of its middle; None if it would not get shorter, or fall below ``least``."""
        spans = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)[
            "offset_mapping"
        ]
        keep = max(least, len(spans) - by - self.gap)
        for kept in range(min(keep, len(spans) - 1), max(least, 2 * self.gap) - 1, -1):
            head = (kept + 1) // 2
            shorter: str = text[: spans[head - 1][1]] + _GAP + text[spans[head - kept][0] :]
            if self._size(shorter) < len(spans):  # a character of several tokens is not split
                return shorter
        return "" if least == 0 and spans else None

    def _size(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _dialogue(context: Sequence[Message]) -> tuple[list[str], tuple[Message, ...]]:
    """System texts, and alternating turns that begin and end with the user's, as templates want them."""
    turns: list[Message] = []
    for one in context:
        role = "assistant" if one.role in _ANSWERS else "user"
        if one.role == "system":
            continue
        if turns and turns[-1].role == role:
            turns[-1] = Message(role, f"{turns[-1].content}\n\n{one.content}")
        else:
            turns.append(Message(role, one.content))
    if not turns or turns[0].role != "user":
        turns.insert(0, Message("user", ""))
    if turns[-1].role != "user":
        turns.append(Message("user", ""))
    return [one.content for one in context if one.role == "system"], tuple(turns)


def _render(tokenizer: Any, turns: Sequence[Message]) -> str:
    messages = [{"role": one.role, "content": one.content} for one in turns]
    text: str = tokenizer.apply_chat_template(messages, tokenize=False, date_string=_DATE)
    return text


def _takes_system(tokenizer: Any) -> bool:
    try:
        text = _render(tokenizer, [Message("system", "person"), Message("user", "question"), Message("assistant", "x")])
    except TemplateError:
        return False
    return "person" in text
