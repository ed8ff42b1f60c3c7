"""Remarks on a user's choices: ties, identical responses, contradictions."""

from __future__ import annotations

from personalrm.preferences import History, Message, Preference


def remarks(history: History) -> tuple[str, ...]:
    """Return sentences on ties, identical responses and contradictions; empty if there are none."""
    said = []
    ties = len(history) - len(history.decided)
    if ties:
        said.append(f"{ties} of {len(history)} choices are ties and were not learned from.")
    identical = sum(one.chosen == one.rejected for one in history.decided)
    if identical:
        said.append(f"{identical} of {len(history)} choices are between identical responses and teach nothing.")
    for one, other in contradictions(history):
        said.append(f"Choices {one.id} and {other.id} contradict each other: same responses, opposite preference.")
    return tuple(said)


def contradictions(history: History) -> list[tuple[Preference, Preference]]:
    """Return pairs of choices with the same conversation and responses and opposite labels."""
    seen: dict[tuple[tuple[Message, ...], str, str], Preference] = {}
    found = []
    for choice in history.decided:
        if choice.chosen == choice.rejected:
            continue
        opposite = seen.get((choice.context, choice.rejected, choice.chosen))
        if opposite is not None:
            found.append((opposite, choice))
        seen[(choice.context, choice.chosen, choice.rejected)] = choice
    return found
