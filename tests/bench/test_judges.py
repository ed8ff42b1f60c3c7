"""The methods of the bench that ask a language model: what they show it, what they count, what does not stop them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from choices import choice

from personalrm.bench.judges import JudgeMethod
from personalrm.bench.methods import Setup, method_named
from personalrm.bench.protocols import Question, Task
from personalrm.errors import DataError
from personalrm.llm.endpoint import Completion, SamplingParams
from personalrm.preferences import History, Message, Preference
from personalrm.profile.options import Options
from personalrm.synthesis.judging import Judgement


class Model:
    """Prefers the longer response; ``mute`` answers nothing readable wherever the response holds that word."""

    model = "length"

    def __init__(self, mute: str = "\0") -> None:
        self.prompts: list[str] = []
        self._mute = mute

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        prompt = messages[-1].content
        self.prompts.append(prompt)
        if self._mute in prompt:
            return Completion("Purple tides.", prompt_tokens=5, completion_tokens=3)
        first = prompt.rpartition("<response_a>")[2].partition("</response_a>")[0]
        second = prompt.rpartition("<response_b>")[2].partition("</response_b>")[0]
        return Completion("A" if len(first) > len(second) else "B", prompt_tokens=5, completion_tokens=1)

    async def aclose(self) -> None:
        """Nothing is open."""


ASKED = (Question("q", "gq", (Message("user", "Q?"),), "A long response.", "Brief.", {}),)


def task(*choices: Preference) -> Task:
    return Task(History("ada", choices), ASKED)


async def test_the_plain_judge_sees_nothing_of_the_person() -> None:
    model = Model()
    (judged,) = (await made("default", model).predict(task(*map(choice, range(6))))).answers
    assert judged.probability is not None
    assert judged.probability > 0.5
    assert len(model.prompts) == 2
    assert not any("long answer" in one for one in model.prompts)


async def test_a_fit_and_its_predictions_are_counted() -> None:
    model = Model()
    method = made("synthesizeme", model)
    found = await method.predict(task(*map(choice, range(6))))
    assert found.spend.calls == len(model.prompts) > 10
    assert found.spend.prompt_tokens == 5 * len(model.prompts)
    assert found.spend.cost is None  # the model names no price
    assert found.learned["arm"] in ("default", "persona", "demonstrations", "persona+demonstrations")
    assert (method.model, method.probabilistic, method.personal) == ("length", True, True)
    assert "persona" in method.prompts


async def test_each_order_is_kept_with_its_prompt_and_tokens() -> None:
    (judged,) = (await made("default", Model()).predict(task())).answers
    assert isinstance(judged, Judgement)
    assert [one.completion.prompt_tokens for one in judged.orders] == [5, 5]
    assert len({one.prompt for one in judged.orders}) == 2
    assert all(one.probability is not None and one.probability > 0.5 for one in judged.orders)


@pytest.mark.parametrize("history", [task(), task(choice(1, "Same.", "Same."))])
async def test_a_person_with_nothing_to_learn_from_is_predicted_by_the_plain_judge(history: Task) -> None:
    """A run over hundreds of people must not end because of one of them."""
    plain = await made("default", Model()).predict(history)
    found = await made("synthesizeme", Model()).predict(history)
    assert [one.probability for one in found.answers] == [one.probability for one in plain.answers]
    assert "nothing" in found.learned["note"] or "no choices" in found.learned["note"]


async def test_where_the_model_cannot_be_read_the_person_is_unscored_and_it_is_said_why() -> None:
    history = task(choice(1, "Unreadable one."), choice(2, "Unreadable two."))
    (judged,) = (await made("synthesizeme", Model(mute="Unreadable")).predict(history)).answers
    assert judged.probability is None
    assert "nothing could be learned" in (judged.unscored or "")


async def test_without_an_endpoint_it_is_said_how_to_name_one() -> None:
    with pytest.raises(DataError, match="--model"):
        method_named("synthesizeme", Setup())


def made(name: str, model: Model) -> JudgeMethod:
    return JudgeMethod(name, model, Options(), personal=name != "default")
