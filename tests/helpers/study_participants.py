"""Simulated participants of the human study: they choose by a known taste and rate claims by it."""

from __future__ import annotations

import math
import random

from personalrm.bench.studies.human import Choose, Consent, Rate, Session
from personalrm.bench.studies.human.material import own_claims
from personalrm.bench.studies.human.session import Picked
from personalrm.data.simulated import Setting, simulate, traits
from personalrm.models.traits import TraitsModel
from personalrm.preferences import Preference


def pairs(count: int) -> list[Preference]:
    """The pairs of the study."""
    setting = Setting(choices=count, seed=99, prompt_tokens=20, response_tokens=80)
    return [*simulate(1, setting)[0].history.choices]


class Participant:
    """Simulated person ``number``; ``honest`` ones rate claims by their taste, others at random."""

    def __init__(self, number: int, model: TraitsModel, *, honest: bool = True) -> None:
        person = simulate(1, Setting(choices=120, seed=700 + number, prompt_tokens=20, response_tokens=80))[0]
        self._taste, self._chance, self._honest = person.taste, random.Random(number), honest
        self._believed = set(own_claims(model, person.history.decided, 8)) if honest else set()

    def take_part(self, session: Session) -> None:
        """Answer every step until the study ends or waits."""
        while True:
            step = session.step()
            if isinstance(step, Consent):
                session.agree()
            elif isinstance(step, Choose):
                session.choose(self._pick(step))
            elif isinstance(step, Rate):
                session.rate(self._rating(step.text))
            else:
                return

    def _pick(self, step: Choose) -> Picked:
        left, right = (self._worth(step, text) for text in (step.left, step.right))
        return "left" if self._chance.random() < 1.0 / (1.0 + math.exp(right - left)) else "right"

    def _worth(self, step: Choose, text: str) -> float:
        return sum(self._taste.get(name, 0.0) * value for name, value in traits(step.context, text).items())

    def _rating(self, text: str) -> int:
        level = 5.5 if text in self._believed else 3.5
        if not self._honest:
            level = 4.0
        return min(7, max(1, round(self._chance.gauss(level, 1.2))))
