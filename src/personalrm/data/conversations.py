"""Where the conversation ends and the responses begin, when both come as message lists or as running text.

apart((), [user("Hi"), assistant("Hello!")], [user("Hi"), assistant("?")])   # ([user("Hi")], "Hello!", "?")
apart_text("The sky is blue.", "The sky is green.")                          # ([user("The sky is")], "blue.", "green.")
"""

from __future__ import annotations

import re

from personalrm.data.fields import messages, text
from personalrm.errors import RowError
from personalrm.preferences import Message

Turns = tuple[Message, ...]

_SPEAKER = re.compile(r"(?:^|\n\n)(Human|Assistant):")


def turns(value: object, field: str) -> Turns:
    """A response as messages: text is one assistant message."""
    if isinstance(value, str):
        return (Message("assistant", text(value, field)),)
    found = messages(value, field)
    if not found:
        raise RowError("text, {role, content} or a list of them", field=field, found="nothing")
    return found


def prompt_turns(value: object, field: str) -> Turns:
    """A context: messages, or text; text written as a Human/Assistant dialogue becomes its turns."""
    if isinstance(value, str) and value.lstrip().startswith("Human:"):
        return dialogue(text(value, field))
    return messages(value, field)


def apart(context: Turns, chosen: Turns, rejected: Turns) -> tuple[Turns, str, str]:
    """The conversation and the two responses: messages that both sides begin with belong to the conversation.

    A context that the sides repeat is not counted twice.

    Raises:
        RowError: after the shared messages a side holds more than one message.
    """
    most = min(len(chosen), len(rejected)) - 1
    count = 0
    while count < most and chosen[count] == rejected[count]:
        count += 1
    shared = chosen[:count]
    repeated = bool(context) and shared[-len(context) :] == context
    for field, side in (("chosen", chosen), ("rejected", rejected)):
        if len(side) - count != 1:
            raise RowError("one response after the shared messages", field=field, found=f"{len(side) - count} messages")
    whole = shared if repeated else context + shared
    return whole, text(chosen[-1].content, "chosen"), text(rejected[-1].content, "rejected")


def apart_text(chosen: str, rejected: str) -> tuple[Turns, str, str]:
    """The same for two texts that include the prompt: their shared beginning, up to a word's end, is the prompt."""
    if chosen.lstrip().startswith("Human:") and rejected.lstrip().startswith("Human:"):
        return apart((), dialogue(chosen), dialogue(rejected))
    end = _shared(chosen, rejected)
    while end and not (chosen[end - 1].isspace() and chosen[end:].strip() and rejected[end:].strip()):
        end -= 1
    prompt = chosen[:end].strip()
    context = (Message("user", prompt),) if prompt else ()
    return context, chosen[end:].strip() if prompt else chosen, rejected[end:].strip() if prompt else rejected


def dialogue(written: str) -> Turns:
    """The turns of a text like "\\n\\nHuman: Hi\\n\\nAssistant: Hello!"; an empty last turn is dropped."""
    parts = _SPEAKER.split(written.strip())
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
