"""A profile as files that other tools read.

openai_dpo(profile)      # JSON lines of OpenAI's preference fine-tuning
trl(profile)             # JSON lines of conversational preference rows
promptfoo(profile)       # a promptfoo configuration with an llm-rubric assertion
inspect_task(profile)    # a Python file with an inspect_ai task
mlflow_judge(profile)    # a Python file with a judge of mlflow.genai

The two data sets hold the user's own decided choices; ties prefer nothing and are left out. No export holds another
user's words. Chat-template marks in texts are broken up (`prompts.marks`), because trainers tokenise them as turns.
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
    """One ``{"input", "preferred_output", "non_preferred_output"}`` a line."""
    return _lines(
        {
            "input": {"messages": _messages(one.context), "tools": [], "parallel_tool_calls": True},
            "preferred_output": _answer(one.chosen),
            "non_preferred_output": _answer(one.rejected),
        }
        for one in _decided(profile)
    )


def trl(profile: Profile) -> str:
    """One ``{"prompt", "chosen", "rejected", "user_id"}`` a line, as message lists."""
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
    """A configuration (JSON, which is YAML) that asks a grader whether this user would like the output."""
    rubric = f"The output is an answer that this user would like. What is known of the user:\n\n{_told(profile)}"
    config = {
        "description": f"Answers that {plain(profile.user)} likes",
        "prompts": ["{{question}}"],
        "providers": ["openai:gpt-4o-mini"],
        "tests": [{"vars": {"question": _question(one)}} for one in _decided(profile)[:5] if one.context],
        "defaultTest": {"assert": [{"type": "llm-rubric", "value": _no_slots(rubric)}]},
    }
    return orjson.dumps(config, option=orjson.OPT_INDENT_2).decode()


def inspect_task(profile: Profile) -> str:
    """A task that asks a model the questions of held-out choices and scores the answers as this user would.

    The profile's file stands beside the task's, as USER.json.
    """
    return f'''"""Does a model answer as {_in_docstring(profile.user)} likes?

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
    """A Python file whose ``judge`` is a scorer for ``mlflow.genai.evaluate``, made by ``make_judge``.

    It says "yes" where the user would like the answer. MLFLOW_JUDGE_MODEL names the model that judges.
    """
    known = judge_context_of(profile).text or f"{_told(profile)}\n"
    instructions = (
        f"What is known of a person:\n\n{_no_slots(known)}\n"
        "Say yes if this person would be content with the answer to the question below, no if not. "
        "Go by what is known of this person, not by what most people like.\n\n"
        "Question: {{ inputs }}\n\nAnswer: {{ outputs }}"
    )
    source = orjson.dumps(instructions).decode()  # a JSON text is a Python text
    return f'''"""Would {_in_docstring(profile.user)} like an answer? For mlflow.genai.evaluate(scorers=[judge])."""

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
"""By the name that ``personalrm export --as`` takes."""


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
    return _no_slots(_safe(choice.context[-1].content))


def _told(profile: Profile) -> str:
    return generation_prompt(profile)


def _no_slots(text: str) -> str:
    """promptfoo fills ``{{name}}`` and runs ``{% … %}``; a user's words must not be either."""
    return text.replace("{{", "{ {").replace("{%", "{ %").replace("{#", "{ #")


def _in_docstring(name: str) -> str:
    """A name that cannot end the docstring that it stands in."""
    return "".join(one for one in plain(name) if one not in "\"'\\")
