"""The language model that DSPy sees: our own endpoint, with its cache, budget, ledger and scheduler.

Nothing of a host or a key is in these objects, so nothing of them can get into what DSPy copies or prints.
"""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import dspy
from dspy.utils.exceptions import AdapterParseError

from personalrm.errors import PersonalrmError, RequestRefused
from personalrm.llm import background_loop
from personalrm.llm.endpoint import Endpoint, SamplingParams
from personalrm.llm.thoughts import visible
from personalrm.preferences import Message

LONGEST_ANSWER = 3_000
"""Tokens of a proposal; an instruction takes 400, models that reason think before it."""
WARMTH = 1.0
"""Temperature of proposals, as both optimisers advise: equal questions shall get different answers."""


class Stop(BaseException):
    """An error of ours on its way through DSPy, which catches every Exception and goes on as if nothing had been."""

    def __init__(self, error: PersonalrmError) -> None:
        super().__init__(str(error))
        self.error = error


class EndpointLM(dspy.BaseLM):  # type: ignore[misc]  # DSPy comes without types
    """Asks an Endpoint. A question that comes again is another sample, so that a second run finds each in the cache."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(model=endpoint.model, temperature=WARMTH, max_tokens=LONGEST_ANSWER, cache=False)
        self._endpoint = endpoint
        self._asked: Counter[tuple[Message, ...]] = Counter()

    def forward(self, prompt: str | None = None, messages: list[dict[str, Any]] | None = None, **_: Any) -> Any:
        """The answer in OpenAI's form. A prompt that the host will not read is answered with nothing."""
        turns = messages or [{"role": "user", "content": prompt or ""}]
        asked = tuple(Message(str(one["role"]), str(one["content"])) for one in turns)
        want = SamplingParams(LONGEST_ANSWER, temperature=WARMTH, sample=self._asked[asked])
        self._asked[asked] += 1
        try:
            text = visible(background_loop.run(self._endpoint.complete(asked, want)).text)
        except RequestRefused:
            text = ""
        except PersonalrmError as error:
            raise Stop(error) from None
        message = SimpleNamespace(content=text or " ")  # an empty answer DSPy takes for a fault of the host
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], usage={}, model=self.model)

    def __deepcopy__(self, memo: object) -> EndpointLM:
        return self


class Lenient(dspy.ChatAdapter):  # type: ignore[misc]
    """Takes an answer without the fields that DSPy asks for as a whole, where one field is all that was wanted."""

    def parse(self, signature: Any, completion: str) -> Any:
        """The fields of an answer."""
        try:
            return super().parse(signature, completion)
        except AdapterParseError:
            (field,) = signature.output_fields
            return {field: completion.strip()}
