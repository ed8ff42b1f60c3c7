"""The methods of the bench that ask a language model: what they show it, what they count, what does not stop them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from personalrm.bench.judges import judge_method
from personalrm.bench.protocols import Question, Task
from personalrm.errors import DataError
from personalrm.llm.endpoint import Completion, Want
from personalrm.preferences import History, Message, Preference
from personalrm.synthesis.options import Options


class Model:
    """Prefers the longer response; ``mute`` answers nothing readable wherever the response holds that word."""

    model = "length"

    def __init__(self, mute: str = "\0") -> None:
        self.prompts: list[str] = []
        self._mute = mute

    async def complete(self, messages: Sequence[Message], want: Want) -> Completion:
        prompt = messages[-1].content
        self.prompts.append(prompt)
        if self._mute in prompt:
            return Completion("Purple tides.", prompt_tokens=5, completion_tokens=3)
        first = prompt.rpartition("<response_a>")[2].partition("</response_a>")[0]
        second = prompt.rpartition("<response_b>")[2].partition("</response_b>")[0]
        return Completion("A" if len(first) > len(second) else "B", prompt_tokens=5, completion_tokens=1)

    async def aclose(self) -> None:
        """Nothing is open."""


def choice(number: int, chosen: str = "A long answer.", rejected: str = "Short.") -> Preference:
    return Preference(f"c{number}", "ada", f"g{number}", (Message("user", f"Q{number}?"),), chosen, rejected)


ASKED = (Question("q", "gq", (Message("user", "Q?"),), "A long response.", "Brief.", {}),)


def task(*choices: Preference) -> Task:
    return Task(History("ada", choices), ASKED)


async def test_the_plain_judge_sees_nothing_of_the_person() -> None:
    model = Model()
    (verdict,) = await judge_method("default", model, Options()).predict(task(*map(choice, range(6))))
    assert verdict.prefers == "a"
    assert len(model.prompts) == 2
    assert not any("long answer" in one for one in model.prompts)


async def test_a_fit_and_its_predictions_are_counted() -> None:
    model = Model()
    method = judge_method("synthesizeme", model, Options())
    await method.predict(task(*map(choice, range(6))))
    assert method.spend().calls == len(model.prompts) > 10
    assert method.spend().prompt_tokens == 5 * len(model.prompts)
    assert (method.model, method.probabilistic) == ("length", True)
    assert "persona" in method.prompts


@pytest.mark.parametrize(
    "history",
    [
        task(),
        task(choice(1, "Same.", "Same.")),
        task(choice(1, "Unreadable, a long answer.")),
        task(choice(1, "Unreadable one."), choice(2, "Unreadable two.")),
    ],
)
async def test_a_person_of_whom_nothing_can_be_learned_is_predicted_by_the_plain_judge(history: Task) -> None:
    """A run over hundreds of people must not end because of one of them."""
    plain = await judge_method("default", Model(), Options()).predict(history)
    found = await judge_method("synthesizeme", Model(mute="Unreadable"), Options()).predict(history)
    assert [one.probability for one in found] == [one.probability for one in plain]


async def test_without_an_endpoint_it_is_said_how_to_name_one() -> None:
    with pytest.raises(DataError, match="--model"):
        judge_method("synthesizeme", None, Options())
