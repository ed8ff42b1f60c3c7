"""Synthetic topics and a generator of responses with known traits, for tests and benchmarks only.

The texts are generated: a topic has a goal, things and actions, and sentence frames are filled with them. A response is
generated from *levels*, one number per trait (about −2 to 2, 0 is average), so that length, lists, hedges and the other
traits can be measured in its text.

    rng = random.Random(0)
    topic = TOPICS[0]
    write_response(rng, topic, {"lists": 1.5, "length": -1.0}, tokens=60)
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Topic:
    """A synthetic topic: ``goal`` follows "I would like to", ``actions`` take a thing."""

    name: str
    goal: str
    things: tuple[str, ...]
    actions: tuple[str, ...]
    unit: str


def _topic(name: str, goal: str, things: str, actions: str, unit: str) -> Topic:
    return Topic(name, goal, tuple(things.split(", ")), tuple(actions.split(", ")), unit)


TOPICS: tuple[Topic, ...] = (
    _topic("balcony herbs", "grow herbs on a small balcony",
           "basil, mint, compost, clay pot, drip tray, morning light, watering can, seedlings",
           "water, trim, shade, repot, thin out, move", "days"),
    _topic("sourdough", "bake sourdough bread at home",
           "starter, rye flour, dough, banneton, oven stone, crust, scoring blade, hydration",
           "feed, fold, rest, weigh, warm, check", "hours"),
    _topic("bicycle brakes", "repair the brakes of an old bicycle",
           "brake cable, caliper, rim, pads, lever, barrel adjuster, wheel, housing",
           "loosen, clean, align, replace, tighten, test", "millimetres"),
    _topic("chess", "get better at chess openings",
           "centre pawns, knights, queen side, castled king, clock, endgame, opening notes, lost games",
           "develop, review, guard, study, repeat, simplify", "games"),
    _topic("household budget", "set up a budget for a family of four",
           "rent, grocery bill, savings account, spreadsheet, insurance, reserve fund, standing orders, contracts",
           "track, cut, split, automate, compare, review", "euros"),
    _topic("mountain hiking", "plan a first hike in the mountains",
           "trail map, boots, rain jacket, hut, ridge path, weather report, water bottle, descent",
           "check, pack, mark, test, plan, compare", "kilometres"),
    _topic("job letter", "write a letter for a job at a museum",
           "opening line, work sample, reference, museum archive, exhibition, closing line, salary, cover page",
           "rewrite, shorten, mention, polish, check, move", "lines"),
    _topic("home network", "make the wireless network at home reliable",
           "router, antenna, channel, cable run, firmware, repeater, attic room, speed test",
           "restart, place, update, measure, replace, name", "metres"),
    _topic("choir", "start a small choir in our street",
           "song sheets, alto voices, rehearsal room, piano, first concert, warm-up, neighbours, calendar",
           "arrange, invite, book, practise, share, tune", "weeks"),
    _topic("sleep", "sleep better during a stressful month",
           "bedroom, evening light, coffee, alarm clock, nap, mattress, breathing exercise, late emails",
           "dim, move, limit, plan, change, watch", "minutes"),
    _topic("used camera", "buy a used camera for street photography",
           "lens, shutter, sensor, battery grip, viewfinder, strap, warranty, test shots",
           "inspect, compare, try, clean, insure, charge", "pictures"),
    _topic("language learning", "learn Portuguese before a move to Lisbon",
           "verb tables, flash cards, podcast, tandem partner, nasal vowels, grammar book, news page, diary",
           "repeat, read aloud, copy, schedule, record, review", "words"),
    _topic("beehive", "keep two beehives behind the school",
           "smoker, frames, queen, honey super, entrance, varroa board, feeder, winter cluster",
           "open, inspect, feed, clean, protect, weigh", "kilograms"),
    _topic("board game night", "host a board game night for shy colleagues",
           "rule book, snack table, team game, seating, timer, card deck, score sheet, last round",
           "explain, shuffle, prepare, pick, shorten, set up", "players"),
    _topic("running", "train for a ten kilometre run",
           "training plan, easy runs, hill repeats, shoes, rest day, left knee, pace, finish time",
           "increase, log, stretch, repeat, slow down, vary", "kilometres"),
    _topic("river history", "understand how our river town grew",
           "old bridge, mill, town charter, grain market, flood wall, guild hall, ferry, parish records",
           "visit, date, read about, sketch, compare, trace", "years"),
)  # fmt: skip

# Each frame three times: casual, plain, formal.
FRAMES: tuple[tuple[str, str, str], ...] = (
    (
        "You'll wanna {act} the {thing} first, 'cause the {other} won't work without it",
        "{Act} the {thing} first, because the {other} depends on it",
        "It is advisable to {act} the {thing} at the outset, since the {other} depends upon it",
    ),
    (
        "Don't skip the {thing}, it's what makes the {other} easy",
        "Do not skip the {thing}, as it makes the {other} easier",
        "One ought not to neglect the {thing}, for it facilitates the {other} considerably",
    ),
    (
        "If the {thing} looks off, just {act} it and have another go at the {other}",
        "If the {thing} looks wrong, {act} it and return to the {other}",
        "Should the {thing} appear unsatisfactory, one may {act} it and subsequently address the {other}",
    ),
    (
        "The {thing} and the {other} go together, so you can't {act} only the one",
        "The {thing} and the {other} belong together, so {act} both",
        "The {thing} and the {other} are closely connected; accordingly, it is prudent to {act} both",
    ),
    (
        "Folks forget the {thing} all the time, so stick a note on the {other}",
        "The {thing} is easily forgotten, so put a note next to the {other}",
        "The {thing} is frequently overlooked; a note placed beside the {other} is therefore recommended",
    ),
    (
        "Once you've got the {thing} sorted, the {other} is kinda simple",
        "Once the {thing} is ready, the {other} becomes simple",
        "Once the {thing} has been attended to, the {other} becomes comparatively straightforward",
    ),
    (
        "It's fine to {act} the {thing} bit by bit and keep the {other} for later",
        "It is fine to {act} the {thing} little by little and to keep the {other} for later",
        "It is entirely acceptable to {act} the {thing} gradually and to defer the {other}",
    ),
)
FILLERS = (
    "This is something that comes up again and again in all sorts of places",
    "There is a lot of material on this, and some of it is useful while some of it is not",
    "Everything has its time, and things tend to fall into place in the end",
    "As with so many matters in life, the details matter and so does the whole",
)
HEDGES = (
    ", although that may depend on the situation",
    ", perhaps, if circumstances allow",
    ", though it is possible that this differs in other cases",
    ", which might or might not apply here",
)
NUMBERS = (
    " (allow {n} {unit})",
    " (about {n} of {m} {unit})",
    ": {n} {unit} at first, {m} {unit} after week {k}",
    " ({n} % in the first {k} weeks)",
)
ANECDOTES = (
    "When I did this myself last spring, the {thing} surprised me and I laughed about it for weeks",
    "My own {thing} was a mess for a year, until I learned to {act} it",
    "I remember how I once forgot the {thing} and had to begin again from the {other}",
    "In my experience the {thing} decides everything; I still {act} mine every time",
)
WARMTH = (
    "What a lovely plan, it is wonderful that you are doing this",
    "You are already doing so well, be kind to yourself along the way",
    "It is completely understandable to feel unsure, and you are not alone with it",
    "You can be proud of every small step, and you will surely manage this beautifully",
)
QUESTIONS = (
    "Which {thing} do you have at the moment?",
    "How much time can you give to the {thing} each week?",
    "What has worked for you with the {other} so far?",
    "Would you rather begin with the {thing} or with the {other}?",
)
DIRECT = (
    "Short answer: {act} the {thing}.",
    "Yes: {act} the {thing} and leave the {other} for later.",
    "The answer is the {thing}: {act} it now.",
)
PREAMBLES = (
    "Before coming to an answer, it is worth looking at where the question comes from and why people ask it.",
    "There are many sides to a question like this one, and each deserves some attention before anything is said.",
    "To begin with some background, the subject has a long history and has been seen in very different ways.",
)
EMOJI = ("🙂", "✨", "👍", "🎉", "🌟")

OPENERS = (
    "I would like to {goal}.",
    "For some time now my plan has been to {goal}.",
    "A friend said that I should {goal}, and I agreed.",
)
BACKGROUND = (
    "At the moment there is only the {thing}, and the {other} is missing.",
    "Last week I tried to {act} the {thing}, and it did not go well.",
    "The {thing} seems to be all right, but the {other} worries me.",
    "People around me say quite different things about the {thing}.",
    "We have little room, and the {other} takes most of it.",
    "I have read a page about the {thing} and understood half of it.",
)
ASKS = (
    "How should I {act} the {thing}, and what about the {other}?",
    "What would you do about the {thing} and the {other}?",
    "Where do I start, with the {thing} or with the {other}?",
)


def write_prompt(rng: random.Random, topic: Topic, tokens: int = 150) -> str:
    """Write a question of about ``tokens`` tokens (of four characters) on a topic."""
    parts = [rng.choice(OPENERS).format(goal=topic.goal)]
    ask = _fill(rng, rng.choice(ASKS), topic)
    while sum(map(len, parts)) + len(ask) + 40 < tokens * CHARS_PER_TOKEN:
        parts.append(_fill(rng, rng.choice(BACKGROUND), topic))
    return " ".join([*parts, ask])


def write_response(rng: random.Random, topic: Topic, levels: Mapping[str, float], tokens: int = 250) -> str:
    """Write a response with traits of the given levels.

    Args:
        rng: random number generator.
        topic: subject of the response.
        levels: per trait (see ``personalrm.data.simulated.TRAITS``) about −2 to 2; a missing one counts as 0.
            ``quality`` is the share of sentences that are about the topic at all.
        tokens: length at level 0; each level of ``length`` makes it 1.45 times longer or shorter.
    """
    budget = tokens * CHARS_PER_TOKEN * 1.45 ** levels.get("length", 0.0)
    head, tail = _frame_sentences(rng, topic, levels)
    body: list[str] = []
    room = budget - sum(map(len, head)) - sum(map(len, tail))
    while not body or sum(map(len, body)) + 50 < room:
        body.append(_body_sentence(rng, topic, levels))
    if levels.get("lists", 0.0) > 0.3:
        return "\n".join([*head, *(f"- {one}" for one in body), *tail])
    return " ".join([*head, *body, *tail])


def _frame_sentences(rng: random.Random, topic: Topic, levels: Mapping[str, float]) -> tuple[list[str], list[str]]:
    """The sentences before and after the body."""
    head: list[str] = []
    directness = levels.get("directness", 0.0)
    if abs(directness) > 0.4:
        head.append(_fill(rng, rng.choice(DIRECT if directness > 0 else PREAMBLES), topic))
    warm = [f"{one}." for one in rng.sample(WARMTH, _count(rng, levels.get("warmth", 0.0)))]
    tail = [_fill(rng, one, topic) for one in rng.sample(QUESTIONS, _count(rng, levels.get("questions", 0.0)))]
    return [*head, *warm[:1]], [*warm[1:], *tail]


def _count(rng: random.Random, level: float) -> int:
    """Number of sentences of a kind, 0 to 3; about 0.7 at level 0."""
    return max(0, min(3, int(level + 0.7 + rng.random() * 0.6)))


def _body_sentence(rng: random.Random, topic: Topic, levels: Mapping[str, float]) -> str:
    if rng.random() < _share(levels.get("anecdote", 0.0)):
        text = _fill(rng, rng.choice(ANECDOTES), topic)
    elif rng.random() < 0.35 - 0.22 * levels.get("quality", 0.0):
        text = rng.choice(FILLERS)
    else:
        register = round(max(-1.0, min(1.0, levels.get("formality", 0.0) + rng.uniform(-0.4, 0.4))))
        text = _fill(rng, rng.choice(FRAMES)[register + 1], topic)
    if rng.random() < _share(levels.get("hedging", 0.0)):
        text += rng.choice(HEDGES)
    if rng.random() < _share(levels.get("numbers", 0.0)):
        n = rng.randint(2, 40)
        text += rng.choice(NUMBERS).format(n=n, m=n + rng.randint(5, 60), k=rng.randint(2, 9), unit=topic.unit)
    emoji = f" {rng.choice(EMOJI)}" if rng.random() < _share(levels.get("emoji", 0.0) - 0.4) else ""
    return f"{text}.{emoji}"


def _share(level: float) -> float:
    """Share of the body's sentences with a trait: 0 at level −0.7, 0.2 at 0, 0.6 at 1.4."""
    return max(0.0, min(0.9, 0.2 + 0.29 * level))


def _fill(rng: random.Random, frame: str, topic: Topic) -> str:
    thing, other = rng.sample(topic.things, 2)
    action = rng.choice(topic.actions)
    return frame.format(thing=thing, other=other, act=action, Act=action.capitalize(), unit=topic.unit)
