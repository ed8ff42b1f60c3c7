"""The language model for DSPy: our own endpoint, with its cache, budget and scheduler.

These objects hold no host and no key, so that DSPy cannot copy or print them.
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
from personalrm.prompts.marks import break_marks

LONGEST_ANSWER = 3_000
"""Maximum tokens of a proposal; an instruction takes 400, and reasoning models think before it."""
TEMPERATURE = 1.0
"""Temperature of proposals, as both optimisers advise, so that repeated requests get different answers."""


class Stop(BaseException):
    """Carries an error of ours through DSPy, which catches every Exception and continues."""

    def __init__(self, error: PersonalrmError) -> None:
        super().__init__(str(error))
        self.error = error


class EndpointLM(dspy.BaseLM):  # type: ignore[misc]  # DSPy comes without types
    """Calls an Endpoint. A repeated request is another sample, so that a second run finds each in the cache."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(model=endpoint.model, temperature=TEMPERATURE, max_tokens=LONGEST_ANSWER, cache=False)
        self._endpoint = endpoint
        self._asked: Counter[tuple[Message, ...]] = Counter()

    def forward(self, prompt: str | None = None, messages: list[dict[str, Any]] | None = None, **_: Any) -> Any:
        """The answer in OpenAI's format. A prompt that the host refuses gets an empty answer."""
        turns = messages or [{"role": "user", "content": prompt or ""}]
        asked = tuple(Message(str(one["role"]), break_marks(str(one["content"]), fences=False)) for one in turns)
        params = SamplingParams(LONGEST_ANSWER, temperature=TEMPERATURE, sample=self._asked[asked])
        self._asked[asked] += 1
        try:
            text = visible(background_loop.run(self._endpoint.complete(asked, params)).text)
        except RequestRefused:
            text = ""
        except PersonalrmError as error:
            raise Stop(error) from None
        message = SimpleNamespace(content=text or " ")  # DSPy treats an empty answer as an error of the host
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], usage={}, model=self.model)

    def __deepcopy__(self, memo: object) -> EndpointLM:
        return self


class LenientAdapter(dspy.ChatAdapter):  # type: ignore[misc]
    """Takes an unparsable answer as a whole, if only one output field is expected."""

    def parse(self, signature: Any, completion: str) -> Any:
        """The fields of an answer."""
        try:
            return super().parse(signature, completion)
        except AdapterParseError:
            (field,) = signature.output_fields
            return {field: completion.strip()}
