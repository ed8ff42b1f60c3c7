"""From a person, a conversation and a response to token ids, through the backbone's own chat template.

    inputs = Inputs.of(tokenizer, max_length=512)
    ids, cut = inputs.encode("<persona>…</persona>", context, ["Yes.", "It depends."])
    inputs.text("<persona>…</persona>", context, "Yes.")        # what a plain pipeline is to be given

The user prompt is the system turn; where a template takes none it opens the first user turn. The ids are those of
``tokenizer(text)``, so whoever renders the template and calls the tokenizer (pipelines, vLLM, RewardBench)
gets the same.

What does not fit is cut in this order: older turns are dropped, then the middle of the user prompt goes, then that of
the last question, and only then that of the response, whose end always stays. A pair is cut alike on both sides: the
two responses differ from the model's view only where they differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2.exceptions import TemplateError

from personalrm.errors import DataError
from personalrm.preferences import Message
from personalrm.prompts.marks import break_marks, reads_as_mark, special_tokens

_GAP = " ... "  # ASCII: a byte-level tokenizer would spend five tokens on an ellipsis
_LEAST_QUESTION, _LEAST_RESPONSE = 16, 16  # tokens that are left of each, however long the other is
_READ = 16  # characters a token; no text has longer ones throughout, and tokenising 200,000 takes 0.2 s
_DATE = "26 Jul 2024"  # Llama 3 writes today's date into its system turn: a reward must not change overnight
_ANSWERS = ("assistant", "model")


@dataclass(frozen=True, slots=True)
class Truncation:
    """How many inputs did not fit."""

    count: int
    of: int


@dataclass(frozen=True, slots=True)
class _Draft:
    """An input with its responses, in parts that can be cut."""

    system: str
    turns: tuple[Message, ...]
    responses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Makes inputs for one tokenizer.

    Attributes:
        tokenizer: with a chat template.
        max_length: tokens of an input at most.
        folds: the template takes no system turn.
        adds_start: the tokenizer writes its start token itself, so the template's own is left out.
        gap: tokens that the mark of a cut may take.
        marks: finds the tokenizer's special tokens in a text; they and all marks of templates are broken up.
    """

    tokenizer: Any
    max_length: int
    folds: bool
    adds_start: bool
    gap: int
    marks: re.Pattern[str]

    @classmethod
    def of(cls, tokenizer: Any, max_length: int) -> Inputs:
        """Look at what the tokenizer does by itself."""
        start = tokenizer.bos_token_id
        adds_start = start is not None and tokenizer("a")["input_ids"][:1] == [start]
        added = filter(reads_as_mark, tokenizer.get_added_vocab())  # not those that are HTML or line breaks
        marks = special_tokens(*tokenizer.all_special_tokens, *added)
        gap = len(tokenizer(_GAP, add_special_tokens=False)["input_ids"]) + 1  # and a word may fall in two
        return cls(tokenizer, max_length, not _takes_system(tokenizer), adds_start, gap, marks)

    def encode(
        self, system: str | None, context: Sequence[Message], responses: Sequence[str]
    ) -> tuple[list[list[int]], bool]:
        """Token ids for each response, and whether anything had to be cut.

        Raises:
            DataError: the template refuses the conversation, or leaves no room for any.
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
            raise DataError(f"the chat template alone leaves no room in {self.max_length} tokens: allow longer inputs")
        return found, cut

    def text(self, system: str | None, context: Sequence[Message], response: str) -> str:
        """The whole input as text, uncut; ``tokenizer(text)`` gives the ids of `encode` where all of it fits."""
        return self._rendered(self._draft(system, context, [response])[0], response)

    def _draft(self, system: str | None, context: Sequence[Message], responses: Sequence[str]) -> tuple[_Draft, bool]:
        instructions, turns = _dialogue(context)
        texts = [*([system] if system else []), *instructions, *(one.content for one in turns), *responses]
        cut = any(len(text) > _READ * self.max_length for text in texts)
        told = "\n\n".join(self._clean(text, fences=False) for text in [system or "", *instructions] if text)
        safe = tuple(replace(one, content=self._clean(one.content)) for one in turns)
        return _Draft(told, safe, tuple(self._clean(one) for one in responses)), cut

    def _clean(self, text: str, *, fences: bool = True) -> str:
        """Readable text that can open or close no turn; ``</s>`` becomes ``‹/s>``. The user prompt keeps its tags."""
        longest = _READ * self.max_length
        if len(text) > longest:
            text = text[: longest // 2] + _GAP + text[-longest // 2 :]
        text = text if text.isascii() else text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text
        return break_marks(text, self.marks, fences=fences)

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
            raise DataError(f"the backbone's chat template refuses this conversation: {error}") from error
        return text.removeprefix(self.tokenizer.bos_token) if self.adds_start else text

    def _without_oldest(self, draft: _Draft, over: int) -> _Draft | None:
        """Question and answer go together: templates want turns to alternate."""
        return replace(draft, turns=draft.turns[2:]) if len(draft.turns) > 2 else None

    def _shorter_system(self, draft: _Draft, over: int) -> _Draft | None:
        shorter = self._shorter(draft.system, over, 0)
        return None if shorter is None else replace(draft, system=shorter)

    def _shorter_question(self, draft: _Draft, over: int) -> _Draft | None:
        shorter = self._shorter(draft.turns[-1].content, over, _LEAST_QUESTION)
        return None if shorter is None else replace(draft, turns=(*draft.turns[:-1], Message("user", shorter)))

    def _shorter_responses(self, draft: _Draft, over: int) -> _Draft | None:
        """All responses down to one length, so that none of them seems longer for being less cut."""
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
        """The text without ``by`` tokens of its middle; None if it would get no shorter, or fall below ``least``."""
        spans = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)[
            "offset_mapping"
        ]
        keep = max(least, len(spans) - by - self.gap)
        for kept in range(min(keep, len(spans) - 1), max(least, 2 * self.gap) - 1, -1):
            head = (kept + 1) // 2
            shorter: str = text[: spans[head - 1][1]] + _GAP + text[spans[head - kept][0] :]
            if self._size(shorter) < len(spans):  # a character of several tokens is kept whole
                return shorter
        return "" if least == 0 and spans else None

    def _size(self, text: str) -> int:
        return len(self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _dialogue(context: Sequence[Message]) -> tuple[list[str], tuple[Message, ...]]:
    """System texts, and turns that alternate, begin with the user's and end with it, as templates want them."""
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
