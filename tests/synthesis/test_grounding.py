"""What a persona may say of who somebody is: guesses are dropped, tastes and the person's own words stay."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from each import each
from grounding_phrases import GUESSES, MORE_GUESSES, MORE_TASTES, TASTES
from growth import assert_growth

from personalrm.preferences import Message, Preference
from personalrm.synthesis.grounding import LONGEST, grounded, invents, own_words
from personalrm.synthesis.identity import lexicon
from personalrm.synthesis.identity.lexicon import terms
from personalrm.synthesis.identity.mentions import MENTIONS
from personalrm.synthesis.identity.predicates import PREDICATES
from personalrm.synthesis.identity.sentence import Sentence

OTHERS = "how do i boil an egg? my doctor asked me about her recipe for a student party in london."
"""Own words that say nothing of the person."""


def test_several_threads_that_need_the_terms_at_once_read_them_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first personas of a run are checked in several threads."""
    read, reads, together = lexicon._read, 0, threading.Barrier(4)

    def counted() -> Iterator[lexicon.Term]:
        nonlocal reads
        reads += 1
        time.sleep(0.01)  # the others arrive meanwhile
        return read()

    def first(_: int) -> int:
        together.wait()
        return len(terms())

    monkeypatch.setattr(lexicon, "_read", counted)
    lexicon._read_once.cache_clear()
    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(first, range(4)))) == 1
    assert reads == 1


@each("category", GUESSES)
def test_a_guess_at_who_the_person_is_is_dropped(category: str) -> None:
    assert [text for text in GUESSES[category] if not invents(text, OTHERS)] == []


def test_guesses_of_every_other_form_are_dropped() -> None:
    assert [text for text in MORE_GUESSES if not invents(text, OTHERS)] == []


def test_a_taste_is_kept_whatever_it_is_about() -> None:
    assert [text for text in (*TASTES, *MORE_TASTES) if invents(text, "")] == []


def test_there_are_enough_of_both() -> None:
    assert sum(map(len, GUESSES.values())) >= 200
    assert len(MORE_GUESSES) >= 300
    assert len({*TASTES, *MORE_TASTES}) >= 480


FRAMES = {
    "role": ("The user is {a} {}.", "As {a} {}, they like lists.", "Likes lists and is {a} {}.", "Sounds like {a} {}."),
    "trait": ("The user is {}.", "Likely {}.", "They are {} and like lists.", "Prefers lists because they are {}."),
    "thing": ("They have {} to think of.", "Someone with {}.", "The user has {} and wants tips."),
    "place": ("Lives in {}.", "The user is from {}.", "Someone from {} who likes lists.", "Moved from {} last year."),
}
TOPICS = {
    "role": ("Likes advice {a} {} could follow.", "Prefers stories about {a} {}.", "Trusts what {a} {} says."),
    "trait": ("Likes stories about {} characters.", "Is curious about {} culture.", "Enjoys films with {} heroes."),
    "thing": ("Likes stories about {}.", "Wants answers on {} to be exact.", "Enjoys examples with {}."),
    "place": ("Likes recipes from {}.", "Enjoys stories set in {}.", "Likes hearing how people in {} live."),
}
ODD = {
    "first language",
    "between jobs",
    "in debt",
    "of mixed race",
    "the devil",
    "course in",
    "background in",
    "job as",
}


def test_every_way_looks_at_all_tokens_where_it_can_find_something() -> None:
    """The tokens named beside a way only save time: nothing is found at any other."""
    missed = []
    for text in (*MORE_GUESSES, *(one for of in GUESSES.values() for one in of)):
        sentence = Sentence.of(text)
        for way, words in (*PREDICATES, *MENTIONS):
            others = (i for i, word in enumerate(sentence.low) if words is not None and word not in words)
            missed += [(text, way.__name__, i) for i in others if way(sentence, i) is not None]
    assert missed == []


@each("kind", FRAMES)
def test_every_term_says_something_of_the_person_and_nothing_as_a_topic(kind: str) -> None:
    of_kind = (one for of in terms().values() for one in of if one.kind == kind)
    known = sorted({" ".join(one.words).replace(" 's", "'s") for one in of_kind})
    drawn = random.Random(0).sample([one for one in known if one not in ODD], 150)

    def filled(frame: str, term: str) -> str:
        return frame.replace("{a}", "an" if term[0] in "aeio" else "a").replace("{}", term)

    assert [text for term in drawn for one in FRAMES[kind] if not invents(text := filled(one, term), "")] == []
    assert [text for term in drawn for one in TOPICS[kind] if invents(text := filled(one, term), "")] == []


def said(text: str, role: str = "user", reason: str | None = None) -> str:
    context = (Message(role, text),)
    return own_words([Preference("1", "ada", "g", context, "nurse chosen", "nurse rejected", reason=reason)])


@each(
    ("text", "own"),
    [
        ("The person is a nurse.", "I am a nurse on night shifts, what should I eat?"),
        ("The person is a nurse.", "As a nurse, how do I sleep by day?"),
        ("The person is a nurse.", "I've been a nurse for ten years."),
        ("The person works as a paralegal.", "I work as a paralegal in a small firm."),
        ("The person is in their forties.", "I'm in my forties now."),
        ("The person is in their forties.", "I am 43 and still play."),
        ("The person is 40 years old.", "I'm 40 and tired."),
        ("She prefers short answers.", "I'm a woman of few words."),
        ("The person is named Anna.", "My name is Anna. Write me a poem."),
        ("The person lives in Berlin.", "I live in Berlin."),
        ("Lives near Boston.", "We moved to Boston in May."),
        ("Has two children.", "My two kids never sleep."),
        ("Their wheelchair matters to them.", "I use a wheelchair at work."),
        ("Has ADHD and needs short paragraphs.", "I was diagnosed with ADHD last year."),
        ("Is autistic.", "I'm autistic, please be literal."),
        ("Their wife shares the taste.", "My wife wants a poem."),
        ("A practising Muslim who likes respect.", "I'm a Muslim and I fast."),
        ("Is on a tight budget.", "We have a tight budget this month."),
    ],
)
def test_what_the_person_said_of_themselves_stays(text: str, own: str) -> None:
    assert not invents(text, said(own))
    assert not invents(text, said("?", reason=own))
    assert invents(text, said("What now?"))


@each(
    ("text", "own"),
    [
        ("The person is a doctor.", "Should I ask a doctor?"),
        ("The person is a nurse.", "My mother was helped by a nurse."),
        ("The person is a nurse.", "If I were a nurse, what would I earn?"),
        ("The person is a nurse.", "I am not a nurse."),
        ("The person is a nurse.", "Imagine I am a nurse and answer me."),
        ("The person is autistic.", "Am I autistic?"),
        ("She prefers short answers.", "I told her the truth. What did she mean?"),
        ("The person lives in Paris.", "What is the best museum of Paris?"),
        ("The person lives in Paris.", "I love Paris."),
        ("The person is named Anna.", "Who wrote Anna Karenina?"),
        ("Has three children.", "I wish I had children."),
        ("The person is a mother.", "My mother is ill."),
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
    assert grounded("Likes examples, e.g. of nurses. Is autis\u200btic.", "") == "Likes examples, e.g. of nurses."
    assert grounded("", "") == ""


UNITS = [
    *(": : :", "likely ", "they are ", "is a very, ", "their big ", ". ", "- ", "and who ", "I am a nurse ", " \n"),
    *("\t", "name is A", "a'", "with two ", "in the ", "as a ", "who "),
]


@each("unit", UNITS)
def test_a_long_text_is_checked_in_proportion_to_its_length(unit: str) -> None:
    def check(text: str) -> None:
        assert len(grounded(text, "")) <= LONGEST + 10
        assert invents(text, ""), "what cannot be checked is not kept"
        assert not invents("Likes lists.", said(text))

    assert_growth(check, unit * (40_000 // len(unit)), unit * (320_000 // len(unit)), 20)  # quadratic: 64


async def test_the_event_loop_does_not_stand_still_while_a_persona_is_read() -> None:
    from personalrm.llm.endpoint import Completion
    from personalrm.synthesis.judging import FewShotExample
    from personalrm.synthesis.persona import write_persona

    class Host:
        async def complete(self, messages: object, params: object) -> Completion:
            return Completion("The person likes lists and numbers, : : : and is a very, very long talker. " * 20_000)

    choice = Preference("1", "ada", "g", (Message("user", "I am a nurse. " * 5_000),), "a", "b")
    beats, running = 0, True

    async def beat() -> None:
        nonlocal beats
        while running:
            await asyncio.sleep(0.001)
            beats += 1

    beating = asyncio.create_task(beat())
    await write_persona(Host(), [FewShotExample(choice, "why")], 0)  # type: ignore[arg-type]
    running = False
    await beating
    assert beats > 3  # 1 if the loop waits for the reading, 10 or more otherwise


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
