"""``rubric:m=8,neighbours=4``: test-time user scaling, untrained (after P-GenRM, arXiv 2602.12116).

    judge = scaled("rubric:m=8,neighbours=4")                   # a JudgeFactory; DataError if the name is wrong
    judge = judge.among(people, model)                          # other people, and the model learned from them
    fitted = await judge(endpoint, history, Options())

For each conversation m schemes of weighted criteria are written from the person's own choices; each scores both
responses in both orders, and the log-odds are averaged. ``neighbours`` adds one scheme of each of the nearest people,
with the same weight. A neighbour's scheme is written with a prompt that contains this neighbour's choices and nothing
of the judged person; it is used for that person only if each criterion is in general terms (`general_terms`).
Otherwise the next nearest person is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from personalrm import prompts
from personalrm.errors import DataError
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import gather
from personalrm.models.judges import FittedJudge
from personalrm.models.judges.general_terms import GeneralTerms
from personalrm.models.judges.rubric import Rubrics, Scheme, context_of, write_schemes
from personalrm.preferences import History
from personalrm.privacy import refuse_mixing
from personalrm.profile.options import Options

if TYPE_CHECKING:
    from personalrm.models.judges.neighbours import Neighbourhood
    from personalrm.models.traits import TraitsModel

MOST = 64
"""Maximum schemes or neighbours in a name: each scheme costs two calls per pair."""
TRIED = 3
"""Number of people tried per requested neighbour."""


@dataclass(frozen=True)
class ScaledRubric:
    """Judges with several schemes; a `JudgeFactory`.

    Attributes:
        samples: number of the person's own schemes per conversation.
        neighbours: number of people whose schemes are added.
        near: finds them; if None, no neighbours are used.
    """

    samples: int
    neighbours: int = 0
    near: Neighbourhood | None = None

    def among(self, people: Sequence[History], model: TraitsModel) -> ScaledRubric:
        """The judge that finds neighbours among these people; the model is learned from them.

        Raises:
            PrivacyRefused: PERSONALRM_PRIVATE is set.
        """
        from personalrm.models.judges.neighbours import Neighbourhood  # numpy, 0.1 s

        if not self.neighbours:
            return self
        refuse_mixing("a judge with 'neighbours=' puts criteria drawn from other people's choices into a prompt")
        return replace(self, near=Neighbourhood.of(people, model))

    async def __call__(self, endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
        context = context_of(history, options.seed)
        found: list[Scheme] = []
        refused = 0
        if self.neighbours and self.near is not None:
            found, refused = await self._of_neighbours(endpoint, await self.near.nearest(history), options.seed)
        learned = {"schemes": self.samples, "neighbours": len(found), "refused_schemes": refused}
        return FittedJudge(Rubrics(endpoint, context, self.samples, tuple(found)), learned)

    async def _of_neighbours(
        self, endpoint: Endpoint, nearest: Sequence[History], seed: int
    ) -> tuple[list[Scheme], int]:
        """Usable schemes of the nearest people, and the number of refused ones."""
        found: list[Scheme] = []
        tried, refused = 0, 0
        most = min(len(nearest), TRIED * self.neighbours)
        while len(found) < self.neighbours and tried < most:
            some = nearest[tried : min(most, tried + self.neighbours - len(found))]
            tried += len(some)
            for one, written in zip(some, await gather(_written(endpoint, each, seed) for each in some), strict=True):
                usable = [scheme for scheme in written if names_no_one(scheme, one)]
                found += usable
                refused += len(written) - len(usable)
        return found, refused


async def _written(endpoint: Endpoint, neighbour: History, seed: int) -> list[Scheme]:
    """One scheme of a neighbour, from a prompt with the neighbour's choices only; empty if unreadable."""
    asked = f"{context_of(neighbour, seed).text}{prompts.load('rubric_general')}"
    return await write_schemes(endpoint, asked)


def names_no_one(scheme: Scheme, neighbour: History) -> bool:
    """Whether every criterion is in general terms: no word of the neighbour's texts, no topic, no name, no identity."""
    general = GeneralTerms.of(neighbour)
    return all(general.hold(one.text) for one in scheme)


def scaled(name: str) -> ScaledRubric:
    """The judge with this name: ``rubric:m=8``, ``rubric:m=8,neighbours=4``.

    Raises:
        DataError: a parameter other than m and neighbours, a repeated one, or a number out of range.
    """
    given: dict[str, int] = {}
    for part in name.partition(":")[2].split(","):
        word, _, value = part.strip().partition("=")
        least = {"m": 1, "neighbours": 0}.get(word)
        number = int(value) if value.isascii() and value.isdecimal() and len(value) < 4 else -1
        if least is None or word in given or not least <= number <= MOST:
            raise DataError(
                f"'{name}': expected rubric:m=M or rubric:m=M,neighbours=N with M from 1 and N from 0 to {MOST}, "
                f"found '{part.strip()}'"
            )
        given[word] = number
    return ScaledRubric(given.get("m", 1), given.get("neighbours", 0))
