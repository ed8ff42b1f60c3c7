"""The parser on invented answers of every shape we know, on hostile input, and on 8,808 real verdicts."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from math import exp, log
from pathlib import Path

import pytest
from each import each
from growth import assert_growth
from hypothesis import given
from hypothesis import strategies as st

from personalrm.llm.answers import choice_probability, parse_choice, parse_json, why_unparsed
from personalrm.llm.endpoint import TokenLogprob

SAYS_A = [
    "A",
    "a",
    "**A**",
    "(a)",
    "1",
    "１",
    "١",
    "Output (a)",
    "Completion A",
    "Assistant 1",
    "first",
    "The first response.",
    "A.",
    '"A"',
    "[[A]]",
    "My final verdict is: [[A>>B]]",
    "Assistant B is much worse, so my final verdict: [[B<<A]]",
    "Both have merits.\nVerdict: A ≻ B",
    "Response A > Response B",
    "<winner>A</winner>",
    "<verdict>Response A</verdict> It is shorter than B.",
    "Antwort: **A**",
    "Ответ: A",
    "答案：A",
    "A, without a doubt",
    "A, since it is shorter than B.",
    "A because it's to the point",
    "**A** – it is shorter than B",
    "I lean towards A",
    "I'm leaning toward Response A.",
    "Probably A",
    "A would suit this person.",
    "A is what they want",
    "A beats B",
    "I compared both. [[A]]",
    "The final answer is $\\boxed{A}$.",
    "A\n\nIt is shorter and answers the question.",
    '{"preference": "A"}',
    '{"Preference": "a", "confidence": 0.9}',
    '{"PREFERRED": "Completion A"}',
    "{'choice': 'A'}",
    '{"winner": 1}',
    '{"verdict": "Response 1 is better because it is short"}',
    '{"better": "the first one"}',
    '{"answer": "A",}',
    '{"reasoning": "B is longer. Output B is better at detail.", "preference": "A"',
    '{"reasoning": "…", "preference": "A',
    '```json\n{"reasoning": "She said \\"B is better\\".",\n "preference": "A"}\n```',
    'Here is my verdict:\n```\n{"preferred": "model_a"}\n```\nI hope this helps!',
    '{"preference": "A" or "B"}\n{"preference": "A"}',
    "{“preference”: “A”}",
    "{preference: A}",
    "preference: A",
    "**Final verdict:** Output (a)",
    "Winner: Response 1",
    "My choice → A",
    "The answer is A",
    "The answer is (a).",
    "The better response is Completion A.",
    "I prefer A over B.",
    "I would choose the first response.",
    "My preference goes to Response A.",
    "Therefore, I would go with Answer 1.",
    "Response A wins.",
    "A is better than B.",
    "Output (a) is better.",
    "Output (b) is better at rhyme, but overall Output (a) is better.",
    "Output (b) is better. No, wait: B misses the point. So Output (a) is better.",
    "Both outputs are equally accurate, but Output (a) is better.",
    "While Output (b) is more detailed than Output (a), the preferred answer is Output (a).",
    "Output (a) is not only shorter but is also the better choice.",
    "Output (a) is closer to what was asked than Output (b) and is better.",
    "Output (a) is better because it follows the instruction, unlike Output (b).",
    "Output (a) is better in terms of clarity.",
    "There is nothing wrong with B, but Response A is clearly the best one.",
    "<think>B is better. Hmm, B it is.</think>\nA",
    "İİİ The better one is A.",
    "Output **(a)** is better.",
    "I'd say A.",
    "Completion A better matches the user's taste.",
    "Completion A is more aligned with what this person prefers.",
    "Based on their past choices, Completion A aligns better with the person's preferences.",
    "The person would likely prefer the first completion because it is short.",
    "Neither is perfect, but Response A is better.",
]

SAYS_NOTHING = {
    "My final verdict is: [[A=B]]": "tie",
    "Answer: A = B": "tie",
    "Preference: B ≈ A": "tie",
    "<winner>tie</winner>": "tie",
    "Length: A > B": "no verdict found (cut off?)",
    "A is worse": "no verdict found (cut off?)",
    "A, however, is too long.": "no verdict found (cut off?)",
    "A — it is shorter. B — it is warmer.": "no verdict found (cut off?)",
    "A because it is short. B because it is warm.": "no verdict found (cut off?)",
    "I think A is too wordy": "no verdict found (cut off?)",
    "I lean towards A being worse": "no verdict found (cut off?)",
    "A, B and C are all fine": "no verdict found (cut off?)",
    "": "empty answer",
    " \n ": "empty answer",
    "I'm sorry, but I can't help with that.": "refusal",
    "I cannot assist with comparing these texts.": "refusal",
    "As an AI language model, I do not have preferences.": "refusal",
    "Therefore, I cannot claim that either Output (a) or Output (b) is better.": "refusal",
    "Both are equally good.": "tie",
    "Neither output is better.": "tie",
    "Therefore, neither Output (a) nor Output (b) is better.": "tie",
    "It is a tie.": "tie",
    "Tie": "tie",
    "[[C]]": "tie",
    '{"preference": "tie"}': "tie",
    '{"preference": "both"}': "tie",
    '{"reasoning": "A is better at rhyme.", "winner": "neither"}': "tie",
    "Output (a) is better at rhyme. Still, both outputs are equally good.": "tie",
    "Output (a) is better. On reflection, it is a tie.": "tie",
    '{"reasoning": "Output A is better at rhyme and it': "no verdict found (cut off?)",
    '{"reasoning": "…", "preference": "': "no verdict found (cut off?)",
    '{"preference":': "no verdict found (cut off?)",
    '{"answer": "It depends on the reader"}': "no verdict found (cut off?)",
    "Output (a) provides the recipe, while Output (b)": "no verdict found (cut off?)",
    "Output (a) is better at rhyme. Output (b) is better at metre.": "no verdict found (cut off?)",
    "Output (a) is better if the goal is speed. Output (b)": "no verdict found (cut off?)",
    "Output (a) is not better.": "no verdict found (cut off?)",
    "It is hard to see whether Output (a) is better.": "no verdict found (cut off?)",
    "I don't think that B is better.": "no verdict found (cut off?)",
    "Output (a) could be better.": "no verdict found (cut off?)",
    "A better answer would name the city.": "no verdict found (cut off?)",
    "First, let us look at the texts.": "no verdict found (cut off?)",
    "The sum is \\boxed{12}.": "no verdict found (cut off?)",
    "Output (a)\nshort and clear\n\nOutput (b)\nlong and clear": "no verdict found (cut off?)",
    "Plan A and plan B both mention the river.": "no verdict found (cut off?)",
    "<think>A is better": "no verdict found (cut off?)",
    "Completion A violates the user's preferences.": "no verdict found (cut off?)",
    "A or B": "no verdict found (cut off?)",
    "banana": "no verdict found (cut off?)",
}


def _swapped(text: str) -> str:
    """The same answer about the other side: every name of one side becomes that of the other."""
    pairs = {"a": "b", "A": "B", "1": "2", "first": "second", "１": "２", "١": "٢", "model_a": "model_b"}
    both = pairs | {new: old for old, new in pairs.items()}
    names = r"[AB]|[12]|(?<=[(\[\"'])[ab](?=[)\]\"'])|first|second|[１２]|[١٢]|model_[ab]"
    name = rf"(?<!\w)(?<!\w['’])(?:{names})(?!\w|['’]\w)"
    return both[text] if text in both else re.sub(name, lambda match: both[match[0]], text)


@each("text", SAYS_A)
def test_says_a(text: str) -> None:
    assert parse_choice(text) == "a"


@each("text", SAYS_A)
def test_says_b_where_the_sides_are_swapped(text: str) -> None:
    assert parse_choice(_swapped(text)) == "b"


@each(("text", "reason"), SAYS_NOTHING.items())
def test_says_nothing(text: str, reason: str) -> None:
    assert parse_choice(text) is None
    assert why_unparsed(text) == reason


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert parse_choice(text) in {"a", "b", None}
    assert why_unparsed(text)
    parsed = parse_json(text)
    assert parsed is None or isinstance(parsed, dict)


@given(st.text(alphabet=" abABoutpt()12.,:\"'{}[]\nbetrisv", max_size=200))
def test_texts_made_of_verdict_letters_are_read_without_an_error(text: str) -> None:
    assert parse_choice(text) in {"a", "b", None}


# ---------------------------------------------------------------------------------------------- real verdicts


def _rows(real_data: Path) -> list[dict[str, str | None]]:
    with gzip.open(real_data / "llmbar_cot.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _recorded(row: int, winner: str | None) -> str | None:
    """The recorded winner as a shown side: even rows show output 1 first, odd rows output 2."""
    return None if winner is None else "ab"[(int(winner) - 1) ^ (row % 2)]


def _recording_rule(model: str | None, text: str) -> str | None:
    """How the winner was recorded: a pattern for side a, tried first on the whole text, then one for side b.

    For PaLM2 the pattern is a line that starts with the option, for the others a sentence that praises it anywhere.
    """
    pattern = r"(?:^|\n) ?Output \(%s\)" if model == "PaLM2" else r"Output \(%s\) is better."
    return next((side for side in "ab" if re.search(pattern % side, text)), None)


def test_real_verdicts_are_covered_and_agree_with_the_record(real_data: Path) -> None:
    rows = _rows(real_data)
    covered, agreed, recorded = Counter[str](), Counter[str](), Counter[str]()
    disputed = []
    for number, row in enumerate(rows):
        model, text, winner = str(row["model"]), str(row["completion"]), _recorded(number, row["winner"])
        choice = parse_choice(text)
        if winner is None:
            continue
        recorded[model] += 1
        covered[model] += choice is not None
        agreed[model] += choice == winner
        if choice not in (None, winner):
            disputed.append((number, model, text))
    assert recorded.total() == 8770
    assert min(covered[model] / recorded[model] for model in recorded) >= 0.997
    assert recorded.total() - covered.total() == 3  # they say "neither … is better"
    for model in recorded.keys() - {"PaLM2"}:
        assert agreed[model] / covered[model] >= 0.997, model
    # The record is wrong on PaLM2 wherever a line that merely discusses Output (a) comes before "Output (b) is better".
    assert agreed.total() / covered.total() >= 0.973
    unexplained = [number for number, model, text in disputed if _last_plain(text) != parse_choice(text)]
    assert unexplained == []
    for number, model, text in disputed:
        assert _recording_rule(model, text) == _recorded(number, rows[number]["winner"])


def _last_plain(text: str) -> str | None:
    found = re.findall(r"Output \(([ab])\) is better", text)
    return found[-1] if found else None


def test_the_order_alternates_row_by_row(real_data: Path) -> None:
    """The record follows from the text by the published rule, given that every odd row was shown swapped."""
    for number, row in enumerate(_rows(real_data)):
        assert _recording_rule(row["model"], str(row["completion"])) == _recorded(number, row["winner"])


def test_real_answers_without_a_verdict_get_none(real_data: Path) -> None:
    unrecorded = [str(row["completion"]) for row in _rows(real_data) if row["winner"] is None]
    assert len(unrecorded) == 38
    silent = [text for text in unrecorded if not text or re.search(r"\bneither\b|equally good", text)]
    assert len(silent) == 25
    assert [text for text in silent if parse_choice(text)] == []
    assert {why_unparsed(text) for text in silent if text} == {"tie"}
    read = [text for text in unrecorded if parse_choice(text)]
    assert len(read) == 4  # all four state a verdict, in words that the record's pattern did not foresee
    assert all(re.search(r"Output \(([ab])\) (?:is|seems|stands out)[^.]* better", text) for text in read)


# ---------------------------------------------------------------------------------------------------- hostile

HOSTILE = ["{", '"', "'", "[", '{"', "A ", "better ", "Output (a) is better at ", "(", "\n", "[[", '{"a":', '{"a":[']
HOSTILE += ["A > ", "[[A>", "<winner>", "</answer>", "Probably ", "A, since B than ", "Antwort: "]
HOSTILE += ["\\", " ", "“", "1 ", "neither both ", '"answer": ', '\\"', '{"a": "b" ', "is the ", ", "]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_input_takes_linear_time(unit: str) -> None:
    def read(text: str) -> None:
        parse_choice(text), why_unparsed(text), parse_json(text)

    assert_growth(read, (unit * 5_000)[:5_000], (unit * 40_000)[:40_000], 20)  # quadratic: 64


# ------------------------------------------------------------------------------------------------------- JSON


@each(
    ("text", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ('Sure!\n```json\n{"a": [1, 2, {"b": null}]}\n```\nBye {not this}', {"a": [1, 2, {"b": None}]}),
        ('{"a": 1, "b": [true, false,],}', {"a": 1, "b": [True, False]}),
        ("{'a': 'it''s', 'b': 'don't'}", {"a": "it''s", "b": "don't"}),
        ("{“a”: “x, y”, “b”: ‘z’}", {"a": "x, y", "b": "z"}),
        ('{"a": "line\nbreak\tand \x07"}', {"a": "line\nbreak\tand \x07"}),
        ('{"a": "he said "yes" to me", "b": 2}', {"a": 'he said "yes" to me', "b": 2}),
        ('{"a": "cut o', {"a": "cut o"}),
        ('{"a": 1, "b": ["x", "y', {"a": 1, "b": ["x", "y"]}),
        ('{"a": {"b": [1, 2', {"a": {"b": [1, 2]}}),
        ('{"a": 1, "b"', {"a": 1}),
        ('{"a": 1, "b":', {"a": 1}),
        ('{"a": 1, "reas', {"a": 1}),
        ("{a: yes, b: 3.5, c: None}", {"a": "yes", "b": 3.5, "c": None}),
        ('{{"a": 1}}', {"a": 1}),
        ('{"a": "\\u00e9\\n\\ud83d\\ude00 \\q"}', {"a": "é\n😀 q"}),
        ('{"a": "\\ud83d"}', {"a": "\ufffd"}),
        ('{"draft": 1} and finally {"final": 2}', {"final": 2}),
        ('{"whole": 1} and {"cut": ', {"whole": 1}),
        ('Use {name} here: {"a": 1}', {"a": 1}),
        ('[{"a": 1}]', {"a": 1}),
        ("{}", {}),
        ("", None),
        ("no object", None),
        ("{", None),
        ("{broken", None),
        ("[1, 2]", None),
        ("null", None),
    ],
)
def test_parse_json(text: str, expected: dict[str, object] | None) -> None:
    assert parse_json(text) == expected


_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcdef", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abcdef", min_size=1), _JSON, min_size=1, max_size=5))
def test_strict_objects_come_back_as_they_are(value: dict[str, object]) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json("Here you are:\n```json\n" + json.dumps(value, indent=1) + "\n```") == value


@given(st.lists(st.text("abc xyz", min_size=1), min_size=1, max_size=4), st.data())
def test_a_cut_off_object_keeps_what_was_there(texts: list[str], data: st.DataObject) -> None:
    whole = json.dumps({"items": texts, "last": "end"})
    cut = data.draw(st.integers(len('{"items": ["a'), len(whole)))
    parsed = parse_json(whole[:cut])
    assert parsed is not None
    kept = parsed["items"]
    assert all(text.startswith(short) or short == text.rstrip() for short, text in zip(kept, texts, strict=False))


# ---------------------------------------------------------------------------------------------- probabilities


def _token(token: str, **top: float) -> TokenLogprob:
    """A token with its alternatives as probabilities; ``A_`` stands for " A", ``qA`` for '"A'."""
    spelled = {name.replace("_", " ").replace("q", '"'): log(p) if p else -9999.0 for name, p in top.items()}
    return TokenLogprob(token, spelled.get(token, 0.0), tuple(spelled.items()))


def test_probability_of_a_bare_answer() -> None:
    assert choice_probability([_token("A", A=0.6, B=0.3, The=0.1)]) == pytest.approx(2 / 3)
    assert choice_probability([_token("B", A=0.2, B=0.8)]) == pytest.approx(0.2)


def test_probability_sums_spellings() -> None:
    tokens = [_token("A", A=0.3, _A=0.2, qA=0.1, a=0.1, B=0.2, _B=0.1)]
    assert choice_probability(tokens) == pytest.approx(0.7)


def test_probability_where_the_answer_is_not_the_first_token() -> None:
    tokens = [_token("**", **{"**": 0.9, "#": 0.1}), _token("B", A=0.1, B=0.9), _token("**")]
    assert choice_probability(tokens) == pytest.approx(0.1)


def test_probability_in_reasoned_json_is_that_of_the_last_value() -> None:
    text = ['{"', "reasoning", '":', ' "', "A", " is", " long", '",', ' "', "preference", '":', ' "', "B", '"}']
    tokens = [TokenLogprob(one, -0.1, ((one, -0.1), ("A", log(0.01)))) for one in text]
    tokens[12] = _token("B", A=0.25, B=0.75)
    assert choice_probability(tokens) == pytest.approx(0.25)


def test_probability_of_digits_and_words() -> None:
    assert choice_probability([_token("1", **{"1": 0.8, "2": 0.2, "A": 0.0})]) == pytest.approx(0.8)
    said = [_token("The"), _token(" better"), _token(" one"), _token(" is"), _token(" the")]
    assert choice_probability([*said, _token(" second", _first=0.3, _second=0.7)]) == pytest.approx(0.3)


def test_probability_in_prose_is_that_of_the_final_statement() -> None:
    words = ["Output (", "a", ")", " is better at rhyme, but overall Output (", "b", ") is better."]
    tokens = [_token(word) for word in words]
    tokens[1], tokens[4] = _token("a", a=0.9, b=0.1), _token("b", a=0.4, b=0.6)
    assert choice_probability(tokens) == pytest.approx(0.4)


def test_a_missing_side_gets_at_most_the_smallest_listed_probability() -> None:
    assert choice_probability([_token("A", A=0.9, The=0.02)]) == pytest.approx(0.9 / 0.92)
    assert choice_probability([_token("A", A=0.9, B=0.0, The=0.02)]) == pytest.approx(0.9 / 0.92)
    assert choice_probability([_token("B", B=0.7)]) == pytest.approx(0.3)  # all that is not listed


def test_no_side_listed_or_no_tokens() -> None:
    assert choice_probability([_token("Hello", Hello=0.9, Hi=0.1)]) is None
    assert choice_probability([]) is None
    assert choice_probability([TokenLogprob("A", -9999.0, ())]) is None


@given(st.floats(-20, 0), st.floats(-20, 0))
def test_probability_is_the_ratio(a: float, b: float) -> None:
    tokens = [TokenLogprob("A", a, (("A", a), ("B", b)))]
    assert choice_probability(tokens) == pytest.approx(exp(a) / (exp(a) + exp(b)))


@each(
    ("text", "side"),
    [
        ("B.\n\nWait, actually A.", "a"),
        ("B. Hmm, no: A.", "a"),
        ("Answer: B. Wait, no, A.", "a"),
        ("A. On second thought, B.", "b"),
        ("Response A is better. Actually, no, B.", "b"),
        ("**B**\n\nWait, actually **A**", "a"),
        ("A.\n\nWait, it's B, because it is short.", "b"),
        ("B. I changed my mind: response A.", "a"),
        ("A. Sorry, I meant B.", "b"),
        ("B\n\nWait.", None),
        ("B\n\nScratch that, I am not sure.", None),
        ("A\n\nActually, response A is nicer because it waits.", "a"),
        ("A\n\nThere is no B in it.", "a"),
        ('{"reasoning": "no, actually A", "preference": "B"}', "b"),
    ],
)
def test_a_second_thought_counts_and_a_verdict_taken_back_does_not(text: str, side: str | None) -> None:
    assert parse_choice(text) == side
