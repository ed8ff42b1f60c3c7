"""Separate the conversation from the responses.

apart((), [[user("Hi"), assistant("Hello!")], [user("Hi"), assistant("?")]], …)  # ([user("Hi")], ["Hello!", "?"])
apart_text("The sky is blue.", "The sky is green.")                             # ([user("The sky is")], "blue.", …)
conversation_of(row, layout)                                                    # all columns of the conversation
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from personalrm.data.columns import TEXTS
from personalrm.data.contents import Turns, content_text, is_conversation, messages, parts_text
from personalrm.data.fields import Fields, encodable, missing, text
from personalrm.data.layout import Layout
from personalrm.data.templated import is_templated, turns_of
from personalrm.data.thinking import without_thinking
from personalrm.data.unpacking import unpacked
from personalrm.errors import RowError
from personalrm.preferences import Message

_SPEAKER = re.compile(r"(?:^|\n\n)(Human|Assistant):")
_LAST_SPEAKER = re.compile(r"\n{1,9}Assistant:\Z")
_BEFORE = frozenset("H<[ \n\r\t\v\f")
_REPEATED = 10
"""Minimum length of a prompt that is removed from the beginning of both responses."""
_OVERLAP = 1000


def turns(value: object, field: str) -> Turns:
    """Convert a response to messages; text is one assistant message."""
    if isinstance(value, str):
        found = unpacked(value) if value[:1] in ("[", "{") else value
        if not isinstance(found, str) and found and is_conversation(found):
            return turns(found, field)
        return (Message("assistant", without_thinking(text(value, field))),)
    if isinstance(value, Mapping) and not ({"role", "from"} & value.keys()) and any(one in value for one in TEXTS):
        return (Message("assistant", without_thinking(encodable(content_text(value, field), field))),)
    if isinstance(value, list) and value and all(isinstance(one, Mapping) and _is_part(one) for one in value):
        return (Message("assistant", without_thinking(parts_text(value, field))),)
    found_turns = messages(value, field)
    if not found_turns:
        raise RowError("text, {role, content} or a list of them", field=field, found="nothing")
    return found_turns


def _is_part(value: Mapping[str, Any]) -> bool:
    """Whether an item is a content part rather than a message."""
    return "type" in value and not {"role", "from"} & value.keys()


def conversation_of(row: Fields, layout: Layout) -> Turns:
    """The conversation before the responses: system text, history, context, prompt and its input."""
    if layout.only_prompt is not None:
        return prompt_turns(row.get(layout.only_prompt), layout.only_prompt)
    roles = layout.roles
    said: Turns = ()
    passages: list[str] = []
    bare = False
    columns = (*roles.get("history", ()), *roles.get("context", ()), *roles.get("prompt", ()))
    for column in columns:
        if isinstance(row.get(column), int | float) and len(columns) > 1:  # such as a number of turns
            continue
        found = prompt_turns(row.get(column), column)
        if len(found) == 1 and isinstance(row.get(column), str) and found[0].role == "user":
            passages.append(found[0].content)
        else:
            bare = bare or _is_bare(row.get(column))
            said = merged(said, found)
    asked = _as_one(passages, row, roles.get("input", ()))
    said = _with_question(_answered_last(said) if bare and asked else said, asked)
    for column in reversed(roles.get("system", ())):
        value = _system(row.get(column), column)
        if value.strip() and not any(one.role == "system" and one.content == value for one in said):
            said = (Message("system", encodable(value, column)), *said)
    return said


def _is_bare(value: object) -> bool:
    """Whether a conversation is a list of texts, which does not say who wrote which."""
    listed = unpacked(value) if isinstance(value, str) else value
    return isinstance(listed, list | tuple) and bool(listed) and all(isinstance(one, str) for one in listed)


def _answered_last(said: Turns) -> Turns:
    """An even number of texts before a question: the user began, and the last is an answer."""
    if len(said) % 2 or {one.role for one in said} != {"user", "assistant"}:
        return said
    return tuple(Message("assistant" if at % 2 else "user", one.content) for at, one in enumerate(said))


def _system(value: object, field: str) -> str:
    """The system text, from text, parts (Anthropic, Bedrock), or an object with parts (Gemini)."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return content_text(value, field)
    return parts_text(value, field) if isinstance(value, list) else ""


def _as_one(passages: Sequence[str], row: Fields, inputs: Sequence[str]) -> str:
    """Join texts of several columns to one message without repetitions; an input follows its instruction."""
    kept: list[str] = []
    for one in passages:
        if not any(one in other for other in kept):
            kept = [other for other in kept if other not in one] + [one]
    asked = "\n\n".join(kept)
    for column in inputs:
        value = row.get(column)
        if not missing(value):
            more = "\n".join(turn.content for turn in messages(value, column))
            asked = more if not asked or asked in more else asked if more in asked else f"{asked}\n{more}"
    return asked


def _with_question(said: Turns, asked: str) -> Turns:
    """The conversation with this question appended, unless a user message equals it."""
    if not asked or any(one.role == "user" and one.content.strip() == asked.strip() for one in said):
        return said
    return (*said, Message("user", asked))


def prompt_turns(value: object, field: str) -> Turns:
    """Convert a context to messages; text in the form of a Human/Assistant dialogue is split into turns."""
    if type(value) is str:
        if is_dialogue(value):
            return dialogue(text(value, field))
        if value and value[0] not in "[{":
            return (Message.unchecked("user", value if value.isascii() else encodable(value, field)),)
    return messages(value, field)


def apart(context: Turns, sides: Sequence[Turns], fields: Sequence[str]) -> tuple[Turns, list[str]]:
    """Split sides into the conversation (messages that all sides begin with) and the responses.

    A context that the sides repeat is merged with them, and a response at its end is removed.

    Raises:
        RowError: after the shared messages a side has more than one answer, or none.
    """
    most = min(map(len, sides)) - 1
    first = sides[0]
    count = 0
    while count < most and all(side[count] == first[count] for side in sides):
        count += 1
    responses = [_answer(side[count:], field) for side, field in zip(sides, fields, strict=True)]
    return without_answer(merged(context, first[:count]), responses), responses


def _answer(rest: Turns, field: str) -> str:
    if len(rest) > 1 and not all(one.role in ("assistant", "tool") for one in rest):
        raise RowError("one response after the shared messages", field=field, found=f"{len(rest)} messages")
    if rest[-1].role == "user":
        raise RowError("a conversation that ends with an answer", field=field, found="a message of the user")
    return text("\n\n".join(one.content for one in rest), field)


def without_answer(context: Turns, responses: Sequence[str]) -> Turns:
    """The context with any of the responses removed from its end."""
    end = len(context)
    while end and context[end - 1].role == "assistant" and context[end - 1].content in responses:
        end -= 1
    return context[:end]


def merged(first: Turns, second: Turns) -> Turns:
    """Merge two overlapping parts of one conversation."""
    if not first or not second:
        return first or second
    head = next((at for at, one in enumerate(first) if one.role != "system"), len(first))
    known = set(second)
    core, systems = first[head:], tuple(one for one in first[:head] if one not in known)
    if _begins(second, core) or _begins(second[::-1], core[::-1]):
        return (*systems, *second)
    if _begins(first, second) or _begins(core, second):
        return first
    for length in range(min(len(core), len(second), _OVERLAP), 0, -1):
        if _begins(second, core[-length:]):
            return (*first, *second[length:])
    return (*first, *second)


def _begins(long: Turns, short: Turns) -> bool:
    return len(short) <= len(long) and all(
        one == other or (one.role == other.role and one.content.strip() == other.content.strip())
        for one, other in zip(short, long, strict=False)
    )


def without_prompt(prompt: object, chosen: str, rejected: str) -> tuple[str, str]:
    """The two responses with the prompt removed, if both begin with it."""
    if not isinstance(prompt, str) or len(prompt) < _REPEATED:
        return chosen, rejected
    cut = len(prompt)
    if chosen.startswith(prompt) and rejected.startswith(prompt) and chosen[cut:].strip() and rejected[cut:].strip():
        return chosen[cut:].strip(), rejected[cut:].strip()
    return chosen, rejected


def apart_text(chosen: str, rejected: str) -> tuple[Turns, str, str]:
    """The same for two texts that include the prompt: their shared beginning, up to a word's end, is the prompt."""
    if is_dialogue(chosen) and is_dialogue(rejected):
        context, (one, other) = apart((), (dialogue(chosen), dialogue(rejected)), ("chosen", "rejected"))
        return context, one, other
    end = _shared(chosen, rejected)
    if not (chosen[end:].strip() and rejected[end:].strip()):  # one is the beginning of the other
        end = len(chosen[:end].rstrip())
    while end and not chosen[end - 1].isspace():  # back to the end of a word
        end -= 1
    prompt = chosen[:end].strip()
    context = (Message("user", prompt),) if prompt else ()
    return context, chosen[end:].strip() if prompt else chosen, rejected[end:].strip() if prompt else rejected


def is_dialogue(written: str) -> bool:
    """Whether a text is a Human/Assistant dialogue, or formatted with a chat template."""
    if written[:1] not in _BEFORE:
        return False
    begun = written.lstrip()
    return begun.startswith("Human:") or (begun[:1] in ("<", "[") and is_templated(begun))


def dialogue(written: str) -> Turns:
    """The turns of a text like "\\n\\nHuman: Hi\\n\\nAssistant: Hello!"; an empty last turn is dropped."""
    if not written.lstrip().startswith("Human:"):
        return turns_of(written)
    parts = _SPEAKER.split(_LAST_SPEAKER.sub("", written.strip()))
    roles = {"Human": "user", "Assistant": "assistant"}
    found = [Message(roles[who], what.strip()) for who, what in zip(parts[1::2], parts[2::2], strict=True)]
    if found and not found[-1].content:
        found.pop()
    return tuple(found)


def _shared(one: str, other: str) -> int:
    """Length of the common beginning, by bisection: slices compare a thousand times faster than characters."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
