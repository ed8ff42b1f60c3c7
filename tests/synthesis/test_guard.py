"""The guard: what ships and what says the same pass; quotes, topics and guesses do not. Also on real choices."""

from __future__ import annotations

import pytest

from personalrm import prompts
from personalrm.llm.simulated.writing import INSTRUCTIONS
from personalrm.preferences import History, Message, Preference
from personalrm.synthesis.guard import Guard, content_words, stem

PARAPHRASES = (
    prompts.load("persona"),
    *INSTRUCTIONS,
    "You are an expert analyst of human preferences. Study the numbered past choices of this person above; a <why> "
    "marks reasoning that foresaw the choice. Distil a persona that lets a stranger predict which of two new responses "
    "they will pick. Weigh the evidence for and against, and drop claims with no support. Never guess who they are.",
    "Summarize the individual's taste in responses. Claims must be actionable: 'chooses the shorter response when both "
    "are correct' is good, 'values quality' is not. Do not copy wording from the conversations; speak about form, "
    "stance, depth, warmth, politeness, creativity and honesty. No demographic guesses.",
    "Be a detective: the clues are the numbered decisions, the motive is a taste. Rule out suspects one at a time: "
    "does length explain it? Does polish? Does the willingness to commit? Report the surviving motives in plain words.",
    "Write down what makes this person say yes. Compare lengths, openings, endings, the use of examples, figures and "
    "sources, humour, hedging and moralising. Mention whether they tolerate refusals. When the sample is small, make "
    "fewer claims.",
)


def person(user: str, context: str, chosen: str, rejected: str, reason: str | None = None) -> History:
    turns = (Message("user", context),)
    return History(user, (Preference("1", user, "1", turns, chosen, rejected, reason=reason),))


@pytest.fixture(scope="module")
def guard() -> Guard:
    return Guard.of(
        [
            person("a", "Should Gaza be rebuilt by the UN?", "The harbour could be dredged first.", "No."),
            person("b", "How do I prune my apple tree?", "Cut dead branches back in late winter.", "Ask a gardener."),
            person("c", "Is it fine to lie?", "It depends.", "Never.", reason="I was raised by strict grandparents"),
        ]
    )


@pytest.mark.parametrize(
    ("instruction", "refused"),
    [
        ("Write a persona. Note what they think of Gaza.", "names 1 topic of the training people"),
        ("Write a persona. Are they fond of TREES and pruning?", "names 2 topics of the training people"),
        ("Look for phrases like 'dead branches back in late winter'.", "quotes a training person"),
        ("Ask them: is it fine to lie?", "quotes a training person"),
        ("Say what grandparents would like.", "names 1 topic of the training people"),
        ("The person is a 40-year-old nurse. Write a persona of them.", "claims who the person is"),
        (" \n", "is empty"),
        ("Write a persona. " * 300, "is longer than 4,000 characters"),
    ],
)
def test_what_is_refused(guard: Guard, instruction: str, refused: str) -> None:
    assert guard.refusal(instruction) == refused


@pytest.mark.parametrize("instruction", PARAPHRASES)
def test_preference_talk_passes(guard: Guard, instruction: str) -> None:
    assert guard.refusal(instruction) is None


def test_words_are_compared_without_endings() -> None:
    assert stem("details") == stem("detailed") == stem("detail") == "detail"
    assert stem("jobs") == "job"
    assert content_words("The person's DETAILS, and their choices") == ["person", "detail", "choic"]


def test_on_simulated_people_preference_talk_passes_and_their_words_do_not(people: list[History]) -> None:
    guard = Guard.of(people[:10])
    assert [one for one in PARAPHRASES if guard.refusal(one)] == []
    choices = [one for history in people[:10] for one in history]
    questions = [f"Mind that they ask things such as: {one.context[-1].content}" for one in choices]
    assert all(guard.refusal(one[:3_900]) for one in questions)
    middles = [words[len(words) // 2 :][:12] for one in choices if len(words := one.chosen.split()) > 30]
    quotes = [f"Look for phrases such as '{' '.join(one)}'." for one in middles]
    assert sum(guard.refusal(one) is not None for one in quotes) > 0.5 * len(quotes) > 0


@pytest.mark.parametrize("count", [10, 170])
def test_on_real_people_preference_talk_passes(prism: list[History], count: int) -> None:
    guard = Guard.of(prism[:count])
    assert [one for one in PARAPHRASES if guard.refusal(one)] == []


def test_on_real_people_their_words_do_not(prism: list[History]) -> None:
    """Measured: of 1,593 questions of 170 people 98 % are refused (the rest is "Hi", "How are you today?"); of runs of
    twelve words from their chosen responses 89 % (the rest is what any response says)."""
    guard = Guard.of(prism)
    choices = [one for history in prism for one in history]
    questions = [f"Mind that they ask things such as: {one.context[-1].content}" for one in choices]
    assert sum(guard.refusal(one[:3_900]) is not None for one in questions) > 0.96 * len(questions)
    middles = [words[len(words) // 2 :][:12] for one in choices if len(words := one.chosen.split()) > 30]
    quotes = [f"Look for phrases such as '{' '.join(one)}'." for one in middles]
    assert sum(guard.refusal(one) is not None for one in quotes) > 0.85 * len(quotes)


@pytest.mark.parametrize("topic", ["abortion", "Israel", "vegan recipes", "Trump", "Christmas", "atheists"])
def test_on_real_people_topics_are_named(prism: list[History], topic: str) -> None:
    guard = Guard.of(prism)
    assert "topic" in (guard.refusal(f"Write a persona. Say how they respond to {topic}.") or "")
