"""Profile exports in the formats of other tools.

openai_dpo(profile)      # JSON lines of OpenAI's preference fine-tuning
trl(profile)             # JSON lines of conversational preference rows
promptfoo(profile)       # a promptfoo configuration with an llm-rubric assertion
inspect_task(profile)    # a Python file with an inspect_ai task
mlflow_judge(profile)    # a Python file with a judge of mlflow.genai

The two data sets contain the user's own choices without ties. No export contains another user's texts. Chat-template
marks in texts are broken up (`prompts.marks`), because trainers tokenise them as turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from personalrm.formatting.texts import encodable, plain
from personalrm.preferences import Message, Preference
from personalrm.profile.records import Profile
from personalrm.prompts.marks import break_marks
from personalrm.synthesis.fitting import judge_context_of
from personalrm.synthesis.prompting import generation_prompt

Export = Callable[[Profile], str]


def openai_dpo(profile: Profile) -> str:
    """JSON Lines of OpenAI's preference fine-tuning: ``{"input", "preferred_output", "non_preferred_output"}``."""
    return _lines(
        {
            "input": {"messages": _messages(one.context), "tools": [], "parallel_tool_calls": True},
            "preferred_output": _answer(one.chosen),
            "non_preferred_output": _answer(one.rejected),
        }
        for one in _decided(profile)
    )


def trl(profile: Profile) -> str:
    """JSON Lines of ``{"prompt", "chosen", "rejected", "user_id"}``; the first three are lists of messages."""
    return _lines(
        {
            "prompt": _messages(one.context),
            "chosen": _answer(one.chosen),
            "rejected": _answer(one.rejected),
            "user_id": encodable(profile.user),
        }
        for one in _decided(profile)
    )


def promptfoo(profile: Profile) -> str:
    """A promptfoo configuration (JSON, thus also YAML) with a grader's rubric of this user's preferences.

    The tests are the prompts of up to five of the user's choices.
    """
    rubric = (
        f"The output is an answer that this user would like. What is known of the user:\n\n{_user_summary(profile)}"
    )
    config = {
        "description": f"Answers that {plain(profile.user)} likes",
        "prompts": ["{{question}}"],
        "providers": ["openai:gpt-4o-mini"],
        "tests": [{"vars": {"question": _question(one)}} for one in _decided(profile)[:5] if one.context],
        "defaultTest": {"assert": [{"type": "llm-rubric", "value": _without_template_marks(rubric)}]},
    }
    return orjson.dumps(config, option=orjson.OPT_INDENT_2).decode()


def inspect_task(profile: Profile) -> str:
    """Source of an inspect_ai task: a model answers the prompts of held-out choices, and this profile scores it.

    The task loads profiles from its own folder, where the profile must lie as ``USER.json``.
    """
    return f'''"""Does a model answer as {_docstring_safe(profile.user)} likes?

    inspect eval FILE --model MODEL -T choices=later.jsonl
"""

from pathlib import Path

from inspect_ai import Task, task

from personalrm.integrations.inspect_ai import preferences


@task
def personal(choices: str, personal: bool = True) -> Task:
    return preferences(choices, str(Path(__file__).parent), personal)
'''


def mlflow_judge(profile: Profile) -> str:
    """Source of a Python module that defines ``judge``, a scorer for ``mlflow.genai.evaluate`` made by ``make_judge``.

    The judge answers "yes" if the user would like the answer. The environment variable MLFLOW_JUDGE_MODEL names the
    model that judges.
    """
    known = judge_context_of(profile).text or f"{_user_summary(profile)}\n"
    instructions = (
        f"What is known of a person:\n\n{_without_template_marks(known)}\n"
        "Say yes if this person would be content with the answer to the question below, no if not. "
        "Go by what is known of this person, not by what most people like.\n\n"
        "Question: {{ inputs }}\n\nAnswer: {{ outputs }}"
    )
    source = orjson.dumps(instructions).decode()  # every JSON string is a valid Python string literal
    return f'''"""Would {_docstring_safe(profile.user)} like an answer? For mlflow.genai.evaluate(scorers=[judge])."""

import os
from typing import Literal

from mlflow.genai.judges import make_judge

INSTRUCTIONS = {source}

judge = make_judge(
    name="personal_preference",
    instructions=INSTRUCTIONS,
    model=os.environ.get("MLFLOW_JUDGE_MODEL"),
    feedback_value_type=Literal["yes", "no"],
)
'''


EXPORTS: Mapping[str, Export] = {
    "openai-dpo": openai_dpo,
    "trl": trl,
    "promptfoo": promptfoo,
    "inspect": inspect_task,
    "mlflow-judge": mlflow_judge,
}
"""Export functions by the name that ``personalrm export --as`` takes."""


def _decided(profile: Profile) -> tuple[Preference, ...]:
    return profile.history.decided


def _messages(context: tuple[Message, ...]) -> list[dict[str, str]]:
    return [{"role": one.role, "content": _safe(one.content)} for one in context]


def _answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": _safe(text)}]


def _safe(text: str) -> str:
    return break_marks(encodable(text), fences=False)


def _lines(rows: Iterator[dict[str, Any]]) -> str:
    return "\n".join(orjson.dumps(one).decode() for one in rows)


def _question(choice: Preference) -> str:
    return _without_template_marks(_safe(choice.context[-1].content))


def _user_summary(profile: Profile) -> str:
    return generation_prompt(profile)


def _without_template_marks(text: str) -> str:
    """The text with template marks broken up: promptfoo and mlflow would expand ``{{name}}`` and ``{% … %}``."""
    return text.replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #")


def _docstring_safe(name: str) -> str:
    """The name without characters that could end or escape a docstring."""
    return "".join(one for one in plain(name) if one not in "\"'\\")
