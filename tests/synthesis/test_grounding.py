"""What a persona may say of who somebody is: guesses are dropped, tastes and the person's own words stay."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from personalrm.preferences import Message, Preference
from personalrm.synthesis.grounding import grounded, invents, own_words

GUESSES = [
    "The person is a nurse.",
    "The user is likely a 40-year-old nurse in a large city.",
    "Is about 40 years old and works as a nurse in a large city.",
    "Probably a student.",
    "They are likely an engineer who likes detail.",
    "This person may be a retired teacher.",
    "The user seems to be a busy working mother.",
    "Likely male.",
    "Female, likes detail.",
    "She prefers short answers.",
    "Prefers answers that suit his job.",
    "He likes lists, and they should be short.",
    "The person is in their late twenties.",
    "Someone in her thirties who likes lists.",
    "A 30-40 year old individual who is a spiritual seeker.",
    "The synthesized user persona is a 30-40 year old individual who is likely a foodie.",
    "As a mother of two, they like practical advice.",
    "They are Christian and like scripture.",
    "The person is American.",
    "The person lives in London.",
    "The user is from Germany.",
    "They are a native English speaker.",
    "The person works as a paralegal.",
    "They work in healthcare.",
    "In their job as a paralegal they need precise answers.",
    "The person is named Anna.",
    "The user's name is Anna.",
    "Anna prefers short answers.",
    'Meet "Alex," who is deeply invested in spiritual growth.',
    "Name: Reflective",
    "**Name:** Alex",
    "Age: Late 20s to early 30s",
    "* Occupation: Scientist, researcher, or industry professional",
    "**Education:** Bachelor's or master's degree in social work",
    "They are likely busy professionals with many duties.",
    "The person, who is a doctor, values sources.",
    "Likes lists and is a lawyer.",
    "They're a teenager.",
    "He or she is probably a teenager.",
    "The person identifies as a woman.",
    "Someone who is white and works at a bank.",
]
TASTES = [
    "Prefers short answers.",
    "Dislikes black-and-white thinking.",
    "The person is wary of black-and-white thinking.",
    "Likes it when a response asks the user to see a doctor.",
    "Prefers answers a student could follow.",
    "Explains things as a teacher would, step by step.",
    "Wants advice to see a doctor, nurse or pharmacist where health is concerned.",
    "Prefers answers that keep their own stance open.",
    "They like their answers short, with their reasons first.",
    "Likes American English spelling.",
    "Prefers European history to be told with dates.",
    "Enjoys recipes of African origin.",
    "Responses should be student-friendly.",
    "The person is student-minded in how they ask for steps.",
    "Prefers explanations a five-year-old could follow.",
    "Likes explanations that a 10-year-old could follow.",
    "Prefers code that works as intended.",
    "Likes a method that works as a checklist.",
    "Mentions techniques called Pomodoro.",
    "Likes apps named after what they do.",
    "Values content about elderly care.",
    "A student could follow what they like.",
    "Likes to be told what a doctor would do.",
    "The person is happy with American spelling.",
    "They are drawn to European history.",
    "The person is a fan of Asian food.",
    "The user is interested in student life.",
    "Prefers that the answer leaves the decision to him or her.",
    "Prefers white space between paragraphs.",
    "The person is likely to prefer a direct answer.",
    "They may be skeptical of generic advice.",
    "A thoughtful and empathetic individual who values nuance and balance.",
    "This user is likely someone who values independence and respect for others.",
    "Values honesty: the response should admit limits.",
    "Tone: warm and encouraging.",
    "Structure: lists with headings.",
    "Format prefers lists over prose.",
    "Usually prefers numbers.",
    "Numbers are liked, stories are not.",
    "Goes for answers with a professional tone.",
    "They are open-minded and look for nuance.",
    "Prefers scientific, research-backed detail.",
    "Wants the answer of a writer, not of a machine.",
    "Prefers a single recommendation to several.",
    "Likes a mature, adult tone.",
    "Brevity is a must.",
    "Accuracy is likely to matter more than warmth.",
    "Humour would be welcome.",
    "Clear names, called what they are, are liked.",
]


@pytest.mark.parametrize("text", GUESSES)
def test_a_guess_at_who_the_person_is_is_dropped(text: str) -> None:
    assert invents(text, "how do i boil an egg? my doctor asked me about her recipe for a student party in london.")


@pytest.mark.parametrize("text", TASTES)
def test_a_taste_is_kept_whatever_it_is_about(text: str) -> None:
    assert not invents(text, "")


def said(text: str, role: str = "user", reason: str | None = None) -> str:
    context = (Message(role, text),)
    return own_words([Preference("1", "ada", "g", context, "nurse chosen", "nurse rejected", reason=reason)])


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("The person is a nurse.", "I am a nurse on night shifts, what should I eat?"),
        ("The person is a nurse.", "As a nurse, how do I sleep by day?"),
        ("The person is a nurse.", "I've been a nurse for ten years."),
        ("The person works as a paralegal.", "I work as a paralegal in a small firm."),
        ("The person is in their forties.", "I'm in my forties now."),
        ("The person is 40 years old.", "I'm 40 and tired."),
        ("She prefers short answers.", "I'm a woman of few words."),
        ("The person is named Anna.", "My name is Anna. Write me a poem."),
        ("The person lives in Berlin.", "I live in Berlin."),
    ],
)
def test_what_the_person_said_of_themselves_stays(text: str, own: str) -> None:
    assert not invents(text, said(own))
    assert not invents(text, said("?", reason=own))
    assert invents(text, said("What now?"))


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("The person is a doctor.", "Should I ask a doctor?"),
        ("The person is a nurse.", "My mother was helped by a nurse."),
        ("She prefers short answers.", "I told her the truth. What did she mean?"),
        ("The person lives in Paris.", "What is the best museum of Paris?"),
        ("The person is named Anna.", "Who wrote Anna Karenina?"),
    ],
)
def test_a_word_that_the_person_used_of_others_proves_nothing(text: str, own: str) -> None:
    assert invents(text, said(own))


def test_only_the_person_s_own_turns_and_reasons_count() -> None:
    assert own_words([]) == ""
    assert "nurse" not in said("I am a nurse.", role="assistant")
    assert "nurse" not in said("I am a nurse.", role="system")
    assert "night" in said("?", reason="I work at night.")


def test_only_the_guessing_sentences_and_lines_are_lost() -> None:
    text = "Likes lists.  She works as a nurse. Wants\tnumbers!\n* Age: late 30s\n* Values: facts\n\nPrefers brevity."
    assert grounded(text, "") == "Likes lists. Wants numbers! * Values: facts Prefers brevity."
    assert grounded("Meet Alex. Alex is curious. Likes lists.", "") == "Likes lists."
    assert grounded("Meet Alex. Alex is curious.", "my name is alex.") == "Meet Alex. Alex is curious."
    assert grounded("", "") == ""


def test_a_long_text_is_checked_in_no_time() -> None:
    began = time.process_time()
    assert not invents("likely " * 3000 + "the person is very, " * 2000, "i am " * 3000)
    assert time.process_time() - began < 30.0


def test_published_personas_lose_their_invented_lives_and_keep_their_tastes(real_data: Path) -> None:
    lines = (real_data / "traces_personas.jsonl").read_text("utf-8").splitlines()
    personas = {one["user"]: one["persona"] for one in map(json.loads, lines)}
    kept = {user: grounded(text, "") for user, text in personas.items()}
    for user, invented in {
        "smu04": ("Late 30s", "Scientist", "Advanced degree"),
        "smu12": ("Name:", "Late 20s"),
        "smu13": ("30-year-old", "Alex"),
        "smu14": ("30-40 year old",),
        "smu15": ("30-40 year old",),
        "smu16": ("Alex", "Age", "Occupation", "Education"),
    }.items():
        assert all(word in personas[user] and word not in kept[user] for word in invented), kept[user]
    tasteful = ["smu00", "smu01", "smu02", "smu03", "smu05", "smu06", "smu07", "smu09", "smu10", "smu11", "smu17"]
    for user in tasteful:
        assert len(kept[user]) > 0.95 * len(" ".join(personas[user].split())), (user, kept[user])
    assert "Accuracy, thoroughness" in kept["smu04"]
    assert "Accuracy and nuance" in kept["smu16"]
