"""The protocol of the human study, fixed before the first participant: texts, sizes and power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from personalrm.errors import DataError
from personalrm.preferences import Preference
from personalrm.stats.power import participants_needed

CONSENT = (
    "You will choose between pairs of answers, and then say how well some sentences describe you. Some of these "
    "sentences are drawn from your choices, others are not. We store which answers you pick and your ratings, under "
    "a random code. We ask for no name, no address and nothing else about you. Sentences drawn from your choices, such "
    "as 'Prefers short answers', may be shown to other participants, without your code. You may stop at any time and "
    "go on later with your code. You may withdraw, on the page or by telling whoever runs the study: your choices, "
    "your ratings and the code are then deleted; sentences that others were already shown stay with their ratings."
)
QUESTION = "How well does this describe you?"
SCALE = (1, 7)
"""1: not at all; 7: exactly."""
COMPARISONS = 2
Event: TypeAlias = dict[str, Any]
"""One thing that a participant has said, or that was drawn for them, as JSON."""
_LEAST_CHOICES = 8


@dataclass(frozen=True, slots=True)
class Protocol:
    """Parameters of a study; stored with it and not changed after the start.

    Attributes:
        choices: number of choices of each participant, at least 8.
        statements: number of claims of each persona, 1 to 8.
        effect: difference of two personas' mean ratings that the study detects with a power of 80 %, in standard
            deviations of that difference over participants, 0.1 to 2.
        seed: random seed.
        simulated: whether the participants are simulated; the results then say nothing about people.

    Raises:
        DataError: a value out of its range.
    """

    choices: int = 24
    statements: int = 4
    effect: float = 0.5
    seed: int = 0
    simulated: bool = False

    def __post_init__(self) -> None:
        if self.choices < _LEAST_CHOICES:
            raise DataError(f"choices: expected at least {_LEAST_CHOICES}, found {self.choices}")
        if not 1 <= self.statements <= 8:
            raise DataError(f"statements: expected 1 to 8, found {self.statements}")
        if not 0.1 <= self.effect <= 2.0:
            raise DataError(f"effect: expected 0.1 to 2, found {self.effect:g}")

    @property
    def planned(self) -> int:
        """Participants needed for the effect: two comparisons with Holm's correction, power 80 %, two-sided 5 %."""
        return participants_needed(self.effect, COMPARISONS)


def distinct_pairs(pairs: Sequence[Preference], protocol: Protocol | None = None) -> list[Preference]:
    """The pairs, each once whichever of its answers was chosen. DataError if the protocol asks for more of them."""
    found = list({(one.context, frozenset((one.chosen, one.rejected))): one for one in pairs}.values())
    if protocol is not None and len(found) < protocol.choices:
        raise DataError(f"the study needs {protocol.choices} different pairs, there are {len(found)}")
    return found
