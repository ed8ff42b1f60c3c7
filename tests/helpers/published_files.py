"""Files with the exact columns of PRISM, Chatbot Arena and PersonalRewardBench, with fictional people.

    folder = prism_folder(tmp_path, people=12)      # conversations.jsonl.gz and survey.jsonl
    path = arena_file(tmp_path, people=12)

Texts and choices come from simulated people, so that judges disagree on some pairs and agree on others.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from personalrm.data.simulated import simulate_people
from personalrm.preferences import Preference

simulated = cache(simulate_people)
"""The same people for several files."""

Row = dict[str, Any]
ATTRIBUTES = ("values", "fluency", "factuality", "safety", "diversity", "creativity", "helpfulness")
TYPES = ("unguided", "values guided", "controversy guided")


def write_rows(path: Path, rows: Iterable[Row | str]) -> Path:
    """JSON Lines, gzipped if the name ends in .gz; a str is written as a raw line."""
    lines = b"".join((one.encode() if isinstance(one, str) else orjson.dumps(one)) + b"\n" for one in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(lines, mtime=0) if path.suffix == ".gz" else lines)
    return path


def said(turn: int, content: str) -> Row:
    """A user message of a turn."""
    return {
        "turn": turn,
        "role": "user",
        "content": content,
        "model_name": None,
        "model_provider": None,
        "score": None,
        "if_chosen": None,
        "within_turn_id": None,
    }


def offered(turn: int, at: int, content: str, score: float | None, chosen: bool) -> Row:
    """One response offered in a turn."""
    return {
        "turn": turn,
        "role": "model",
        "content": content,
        "model_name": f"model-{at}",
        "model_provider": "maker",
        "score": score,
        "if_chosen": chosen,
        "within_turn_id": at,
    }


def turn(number: int, question: str, responses: Sequence[tuple[str, float | None]], chosen: int = 0) -> list[Row]:
    """A complete turn: the question and its scored responses, one of them chosen."""
    offers = [offered(number, at, text, score, at == chosen) for at, (text, score) in enumerate(responses)]
    return [said(number, question), *offers]


def conversation(user: str, name: str, history: Sequence[Row], kind: str = "unguided", **more: Any) -> Row:
    """A row of conversations.jsonl."""
    row = {
        "conversation_id": name,
        "user_id": user,
        "conversation_type": kind,
        "opening_prompt": history[0]["content"] if history else "",
        "conversation_turns": len({one["turn"] for one in history}),
        "conversation_history": list(history),
        "performance_attributes": dict.fromkeys(ATTRIBUTES, 80),
        "choice_attributes": dict.fromkeys(ATTRIBUTES, None),
        "open_feedback": None,
        "generated_datetime": "2023-12-01 10:00:00",
        "timing_duration_s": 77.5,
        "timing_duration_mins": 1.29,
        "included_in_balanced_subset": True,
    }
    return {**row, **more}


def survey_row(user: str, **more: Any) -> Row:
    """A row of survey.jsonl."""
    row = {
        "user_id": user,
        "survey_only": False,
        "lm_familiarity": "Somewhat familiar",
        "lm_frequency_use": "Once per month",
        "self_description": f"I am {user} and I value plain words.",
        "system_string": "Be brief and honest.",
        "age": "25-34 years old",
        "gender": "Female",
        "employment_status": "Working full-time",
        "education": "University Bachelors Degree",
        "marital_status": "Never been married",
        "english_proficiency": "Fluent",
        "study_locale": "uk",
        "religion": {"self_described": "my own words", "categorised": "Christian", "simplified": "Christian"},
        "ethnicity": {"self_described": "my own words", "categorised": "White", "simplified": "White"},
        "location": {
            "birth_country": "France",
            "birth_countryISO": "FRA",
            "reside_country": "United Kingdom",
            "reside_region": "Europe",
            "same_birth_reside_country": "No",
        },
        "stated_prefs": {
            "values": 60,
            "creativity": 20.5,
            "fluency": 88,
            "factuality": 100,
            "diversity": 0,
            "safety": 51,
            "personalisation": 40,
            "helpfulness": 95,
            "other": None,
            "other_text": None,
        },
        "generated_datetime": "2023-11-22 20:05:41",
    }
    return {**row, **more}


def prism_folder(folder: Path, people: int = 8, choices: int = 6, seed: int = 5) -> Path:
    """A folder as downloaded: one conversation per choice, whose second turn has two more responses."""
    rows, survey = [], []
    for person in simulated(people, choices=choices, seed=seed):
        survey.append(survey_row(person.user))
        for at, one in enumerate(person.choices):
            follow = person.choices[(at + 1) % len(person)]
            history = turn(0, question(one), [(one.chosen, 90.0), (one.rejected, 30.0), ("I cannot say.", 33)])
            history += turn(1, "Say it differently.", [(follow.chosen, 71.0), (follow.rejected, 60.0)])
            when = f"2023-12-{at + 1:02} 10:00:00"
            name = f"{person.user}-c{at}"
            rows.append(conversation(person.user, name, history, TYPES[at % 3], generated_datetime=when))
    write_rows(folder / "conversations.jsonl.gz", rows)
    write_rows(folder / "survey.jsonl", survey)
    return folder


def question(choice: Preference) -> str:
    """The user's last message."""
    return choice.context[-1].content if choice.context else "Tell me something."


def dialogue(*contents: str) -> list[Row]:
    """Alternating messages of user and assistant."""
    return [{"role": "assistant" if at % 2 else "user", "content": one} for at, one in enumerate(contents)]


def battle(judge: str, name: str, a: Sequence[Row], b: Sequence[Row], winner: str = "model_a", **more: Any) -> Row:
    """A row of chatbot_arena_conversations."""
    row = {
        "question_id": name,
        "model_a": "vicuna-13b",
        "model_b": "koala-13b",
        "winner": winner,
        "judge": judge,
        "conversation_a": list(a),
        "conversation_b": list(b),
        "turn": len(a) // 2,
        "anony": True,
        "language": "English",
        "tstamp": 1682351591.1322,
        "openai_moderation": {
            "categories": {"violence": False},
            "category_scores": {"violence": 0.1},
            "flagged": False,
        },
        "toxic_chat_tag": {
            "roberta-large": {"flagged": False, "probability": 0.01},
            "t5-large": {"flagged": False, "score": 0.0},
        },
    }
    return {**row, **more}


def arena_rows(people: int = 8, choices: int = 8, seed: int = 5) -> list[Row]:
    """Votes of fictional people; every fifth one is a tie."""
    rows = []
    for person in simulated(people, choices=choices, seed=seed):
        for at, one in enumerate(person.choices):
            a, b = dialogue(question(one), one.chosen), dialogue(question(one), one.rejected)
            winner = "tie (bothbad)" if at % 5 == 4 else "model_a"
            name = f"{person.user}-{at}"
            rows.append(battle(f"arena_{person.user}", name, a, b, winner, tstamp=1682351591.1 + at * 60))
    return rows


def published_row(split: str, flip: Any, verdicts: dict[str, tuple[Any, Any]], agreement: Any, **more: Any) -> Row:
    """A row of the published PersonalRewardBench; ``verdicts`` are each judge's answers in both orders."""
    row: Row = {
        "conversation_id": "c2956",
        "user_id": "user549",
        "context": [{"role": "user", "content": "Family value"}],
        "chosen": {"role": "model", "content": "Families differ."},
        "rejected": {"role": "model", "content": "and parental control"},
        "turns": 1,
        "type": "values guided",
        "split": split,
        "flip": flip,
        "chosen_score": 80,
        "rejected_score": 20,
        "dataset": "prism",
        "personalizable_query": True,
        "personalizable_responses": True,
        "query_reasoning": "People differ on it.",
        "response_reasoning": "Both are sound.",
        "agreement": agreement,
    }
    for judge, (forward, swapped) in verdicts.items():
        row |= {f"prediction_{judge}": forward, f"prediction_flip_{judge}": swapped}
        row |= {f"reasoning_{judge}": "…", f"reasoning_flip_{judge}": "…"}
    return {**row, **more}
