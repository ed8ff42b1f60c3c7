"""Prompts and completions as frameworks pass them."""

from __future__ import annotations

import pytest

from personalrm.data.templated import response_in, turns_of
from personalrm.errors import DataError
from personalrm.integrations.messages import context_of, response_of
from personalrm.preferences import Message

ASKED = (Message("system", "Be brief."), Message("user", "How long?"))
TEMPLATED = {
    "chatml": "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHow long?<|im_end|>\n<|im_start|>assistant\n",
    "llama3": (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHow long?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "llama2": "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHow long? [/INST]",
    "phi": "<|system|>\nBe brief.<|end|>\n<|user|>\nHow long?<|end|>\n<|assistant|>\n",
}
ENDS = {"chatml": "<|im_end|>", "llama3": "<|eot_id|>", "llama2": "</s>", "phi": "<|end|>"}


@pytest.mark.parametrize("name", TEMPLATED)
def test_a_templated_prompt_becomes_its_messages(name: str) -> None:
    assert turns_of(TEMPLATED[name]) == ASKED


@pytest.mark.parametrize("name", TEMPLATED)
@pytest.mark.parametrize("before", ["", "<|endoftext|>"])
def test_the_response_stands_after_the_prompt(name: str, before: str) -> None:
    prompt = TEMPLATED[name]
    assert response_in(f"{before}{prompt}Six minutes.{ENDS[name]}", prompt) == "Six minutes."


@pytest.mark.parametrize("name", ["chatml", "llama3", "phi"])
def test_a_prompt_whose_front_is_cut_off_still_gives_its_response(name: str) -> None:
    prompt = f"{'x' * 300}{TEMPLATED[name]}"
    assert response_in(f"{prompt[150:]}Six.{ENDS[name]}", prompt) == "Six."


def test_a_plain_prompt_is_one_user_message() -> None:
    assert turns_of("How long?") == (Message("user", "How long?"),)
    assert context_of("How long?") == (Message("user", "How long?"),)


def test_content_parts_are_joined_and_tool_calls_are_no_text() -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": "How "}, {"type": "text", "text": "long?"}]}]
    assert context_of(parts) == (Message("user", "How long?"),)
    assert response_of([{"role": "assistant", "content": None, "tool_calls": [{}]}]) == ""


@pytest.mark.parametrize("bad", [[{"content": "x"}], [{"role": "user", "content": 3}], ["x"]])
def test_what_is_no_message_is_refused(bad: object) -> None:
    with pytest.raises(DataError, match="content"):
        context_of(bad)  # type: ignore[arg-type]
    with pytest.raises(DataError):
        response_of([])
