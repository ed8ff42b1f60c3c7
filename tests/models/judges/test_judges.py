"""The judges that ask a language model: what each shows, what it makes of odd answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence

import pytest
from choices import choice
from facts import naming

from personalrm.errors import DataError, NotEnoughChoices, RequestRefused, UnusableResponse
from personalrm.llm.endpoint import Completion, Endpoint, SamplingParams
from personalrm.models import registry
from personalrm.models.judges import FittedJudge, seeing
from personalrm.models.judges.memalign import EpisodicMemory, read_guidelines
from personalrm.models.judges.memory import read_facts
from personalrm.models.judges.rubric import Criterion, margin, read_criteria
from personalrm.models.registry import Registration, entry_of, judge_named, names, register
from personalrm.preferences import History, Message, Preference
from personalrm.profile.options import Options
from personalrm.synthesis.judging import FewShotExample, JudgeContext

CONTEXT = (Message("user", "How do I boil an egg?"),)


class Model:
    """Answers by a rule over (prompt, wanted schema's title); keeps the prompts."""

    model = "scripted"

    def __init__(self, rule: Callable[[str, str], str]) -> None:
        self.prompts: list[str] = []
        self._rule = rule

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        self.prompts.append(messages[-1].content)
        return Completion(self._rule(messages[-1].content, str((params.schema or {}).get("title", ""))))

    async def aclose(self) -> None:
        """Nothing is open."""


def liked(number: int, **more: object) -> Preference:
    return choice(number, f"Liked {number}.", f"Not {number}.", **more)


def ada(count: int = 6, **more: object) -> History:
    return History("ada", tuple(liked(number, **more) for number in range(count)))


async def asked(name: str, model: Model, history: History, options: Options | None = None) -> FittedJudge:
    found = await judge_named(name)(model, history, options or Options())
    await found.judge(CONTEXT, "Six minutes.", "It depends.")
    return found


def letter(prompt: str, title: str) -> str:
    return "A"


def test_every_judge_has_its_name() -> None:
    assert set(names("judge")) == {
        "default",
        "demographics",
        "history",
        "memalign",
        "memory",
        "rubric",
        "rubric:m=8,neighbours=4",
        "stated",
        "synthesizeme",
        "synthesizeme:persona",
        "synthesizeme:demonstrations",
        "synthesizeme:both",
        "synthesizeme:unverified",
        "synthesizeme:unselected",
    }
    with pytest.raises(DataError, match=naming("'oracle'", "default")):
        judge_named("oracle")


async def last_words(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """A judge of one's own, as docs/judges.md has it."""
    said = next((one.reason for one in reversed(history.choices) if one.reason), None)
    return seeing(endpoint, JudgeContext(memory=said), options, {"memory": said})


async def test_a_judge_of_ones_own_is_registered_by_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_BY_NAME", dict(registry._BY_NAME))
    monkeypatch.setitem(sys.modules, "my_module", sys.modules[__name__])
    mine = Registration("last-words", "my_module:last_words", "judge")
    register(mine)
    register(mine)
    found = await asked("last-words", Model(letter), ada(reason="Because."))
    assert found.learned == {"memory": "Because."}
    with pytest.raises(DataError, match=naming("'memory'")):
        register(Registration("memory", "my_module:last_words", "judge"))


@pytest.mark.parametrize("name", [*names("judge"), "rubric:m=8"])
def test_every_entry_s_home_holds_what_makes_it(name: str) -> None:
    assert callable(entry_of(name).load())


# ------------------------------------------------------------------------------------------ what is known, as it is


async def test_demographics_are_shown_as_stated_and_nothing_else_of_the_person() -> None:
    model = Model(letter)
    found = await asked("demographics", model, ada(demographics="The person is a <persona>nurse</persona>."))
    assert all("The person is a ‹persona>nurse‹/persona>.\n</demographics>" in one for one in model.prompts)
    assert not any("Liked" in one for one in model.prompts)
    assert found.learned["demographics"].startswith("The person")


async def test_without_demographics_it_judges_as_by_default_and_says_so() -> None:
    model, plain = Model(letter), Model(letter)
    found = await asked("demographics", model, ada())
    await asked("default", plain, ada())
    assert model.prompts == plain.prompts
    assert "judged as by default" in found.learned["note"]


async def test_history_shows_every_decided_choice_oldest_first_without_reasons_of_ours() -> None:
    model = Model(letter)
    history = ada(4)
    history = history.only([*history, choice(9, tie=True)])
    found = await asked("history", model, history)
    places = [model.prompts[0].index(f"Liked {number}.") for number in range(4)]
    assert places == sorted(places)
    assert "Liked 9." not in model.prompts[0]
    assert "<why>" not in model.prompts[0]
    assert found.learned["shown"] == 4


async def test_of_a_history_that_does_not_fit_the_newest_choices_are_shown() -> None:
    model = Model(letter)
    long = [choice(number, chosen=f"Liked {number}. " + "x" * 23_000) for number in range(8)]
    found = await asked("history", model, History("ada", tuple(long)))
    assert found.learned["shown"] == 4
    assert "Liked 7." in model.prompts[0]
    assert "Liked 3." not in model.prompts[0]


# -------------------------------------------------------------------------------------------------------------- memory


async def test_memory_is_updated_choice_by_choice_and_shown_in_the_end() -> None:
    def rule(prompt: str, title: str) -> str:
        if title != "memory":
            return "A"
        return json.dumps({"facts": [f"Fact {at}." for at in range(prompt.count("Fact") + 1)]})

    model = Model(rule)
    found = await asked("memory", model, ada(3))
    updates = [one for one in model.prompts if "<past_choice" in one]
    assert ["Liked 0." in updates[0], "Liked 1." in updates[1], "Liked 2." in updates[2]] == [True] * 3
    assert "</memory>" not in updates[0]
    assert "<memory>\n- Fact 0.\n</memory>" in updates[1]
    assert "Liked 0." not in updates[1]
    assert len(found.learned["memory"]) == 3
    verdicts = [one for one in model.prompts if "<pair>" in one]
    assert len(verdicts) == 2
    assert all(found.learned["memory"][0] in one for one in verdicts)


async def test_an_unreadable_update_forgets_nothing_and_nothing_remembered_is_the_plain_judge() -> None:
    answers = iter(['{"facts": ["Likes eggs short."]}', "I cannot help with that.", '{"facts": "none"}'])
    model = Model(lambda prompt, title: next(answers) if title == "memory" else "A")
    assert (await asked("memory", model, ada(3))).learned["memory"] == ["Likes eggs short."]
    silent = Model(lambda prompt, title: "" if title == "memory" else "A")
    assert "judged as by default" in (await asked("memory", silent, ada(2))).learned["note"]


def test_facts_are_read_from_json_only() -> None:
    assert read_facts('```json\n{"facts": [" Likes\\n lists. ", "", 3]}\n```') == ["Likes lists."]
    assert read_facts('{"facts": ' + json.dumps([f"Fact {n}." for n in range(30)]) + "}") == [
        f"Fact {n}." for n in range(12)
    ]
    assert read_facts("Likes lists.") == []


# ------------------------------------------------------------------------------------------------------------ memalign


def by_guidelines(prompt: str, title: str) -> str:
    """Distils which of "short" and "long" was preferred more often; judges by that, else by the examples."""
    taken = [block.partition("<preferred>")[2][:1] for block in prompt.split("<past_choice")[1:]]
    texts = [block.partition("<response_a>")[2].partition("<")[0] for block in prompt.split("<past_choice")[1:]]
    short = sum((text.startswith("Short") == (letter == "A")) for text, letter in zip(texts, taken, strict=True))
    likes_short = 2 * short > len(taken)
    if title == "guidelines":
        return json.dumps({"guidelines": [f"Prefers {'short' if likes_short else 'long'} answers."]})
    pair = prompt.partition("<pair>")[2]
    first_is_short = pair.partition("<response_a>")[2].startswith("Short")
    assert f"- Prefers {'short' if likes_short else 'long'} answers." in prompt  # guidelines and examples agree
    return "A" if first_is_short == likes_short else "B"


@pytest.mark.parametrize("flipped", [False, True])
async def test_memalign_follows_the_choices_and_the_label_flip_reverses_it(flipped: bool) -> None:
    sides = [("Long: it depends.", "Short."), ("Short.", "Long: it depends.")]
    chosen, rejected = sides[not flipped]
    history = History("ada", tuple(choice(n, f"{chosen} {n}", f"{rejected} {n}") for n in range(8)))
    model = Model(by_guidelines)
    found = await judge_named("memalign")(model, history, Options())
    judged = await found.judge(CONTEXT, "Short. 99", "Long: it depends. 99")
    assert judged.probability is not None
    assert (judged.probability < 0.5) is flipped
    assert found.learned == {"guidelines": [f"Prefers {'long' if flipped else 'short'} answers."], "examples": 8}
    distilled, *verdicts = model.prompts
    assert [one.count("<past_choice n") for one in (distilled, *verdicts)] == [8, 5, 5]


def test_the_nearest_past_choices_are_those_that_share_rare_words() -> None:
    about = ["the egg in the pan", "the dog in the park", "the tax on the house", "the egg in the oven", "a cat"]
    past = [FewShotExample(choice(n, f"{text} yes", f"{text} no")) for n, text in enumerate(about)]
    memory = EpisodicMemory(past)
    near = memory.nearest((Message("user", "An egg?"),), "the egg in the pan", "no", 2)
    assert [one.choice.id for one in near] == [past[3].choice.id, past[0].choice.id]
    assert memory.nearest((), "", "", 2) == past[-2:]
    assert EpisodicMemory([]).nearest(CONTEXT, "a", "b") == []


async def test_memalign_distils_a_long_history_in_parts_and_survives_unreadable_answers() -> None:
    long = [choice(number, chosen=f"Liked {number}. " + "x" * 23_000) for number in range(8)]
    model = Model(lambda prompt, title: '{"guidelines": ["Likes x."]}' if title == "guidelines" else "A")
    found = await asked("memalign", model, History("ada", tuple(long)))
    parts = [one for one in model.prompts if "<pair>" not in one]
    assert len(parts) == 2
    assert "<memory>\n- Likes x.\n</memory>" in parts[1]
    assert found.learned["guidelines"] == ["Likes x."]
    silent = await asked("memalign", Model(lambda prompt, title: "No." if title else "A"), ada(3))
    assert silent.learned == {"guidelines": [], "examples": 3}
    plain, nobody = Model(letter), Model(letter)
    await asked("default", plain, ada(0))
    await asked("memalign", nobody, ada(0))
    assert nobody.prompts == plain.prompts


def test_guidelines_are_read_from_json_only() -> None:
    assert read_guidelines('{"guidelines": [" Likes\\n lists. ", "", 3]}') == ["Likes lists."]
    assert read_guidelines("Likes lists.") == []


# -------------------------------------------------------------------------------------------------------------- rubric


def by_rubric(prompt: str, title: str) -> str:
    if title == "rubric":
        return json.dumps(
            {"criteria": [{"criterion": "Is brief.", "weight": 3}, {"criterion": "Is kind.", "weight": 1}]}
        )
    first = prompt.partition("<response_a>")[2].partition("</response_a>")[0]
    high, low = (9, 3) if first == "Six minutes." else (3, 9)
    return json.dumps({"scores": [{"criterion": 1, "a": high, "b": low}, {"criterion": 2, "a": 5, "b": 5}]})


async def test_a_rubric_is_written_before_the_responses_are_seen_and_once_for_a_conversation() -> None:
    model = Model(by_rubric)
    found = await judge_named("rubric")(model, ada(), Options())
    judged = await found.judge(CONTEXT, "Six minutes.", "It depends.")
    await found.judge(CONTEXT, "Six minutes.", "Another answer.")
    written, *scored = model.prompts
    assert "Liked 0." in written
    assert "Six minutes." not in written
    assert len(scored) == 4
    assert all("1. (weight 3) Is brief." in one and "Liked" not in one for one in scored)
    assert judged.probability == pytest.approx(1 / (1 + 2.718281828 ** -(0.8 * 4.5)))
    assert [one.probability for one in judged.orders] == pytest.approx([judged.probability] * 2)


async def test_without_criteria_or_scores_a_pair_is_unscored() -> None:
    none = await judge_named("rubric")(Model(lambda prompt, title: "No."), ada(), Options())
    judged = await none.judge(CONTEXT, "Six minutes.", "It depends.")
    assert (judged.probability, judged.unscored) == (None, "no criteria could be parsed")
    half = await judge_named("rubric")(
        Model(lambda prompt, title: by_rubric(prompt, title) if title == "rubric" else '{"scores": []}'),
        ada(),
        Options(),
    )
    judged = await half.judge(CONTEXT, "Six minutes.", "It depends.")
    assert judged.probability is None
    assert judged.unscored
    with pytest.raises(NotEnoughChoices):
        await judge_named("rubric")(Model(by_rubric), ada(0), Options())


def test_criteria_and_margins_by_hand() -> None:
    found = read_criteria(
        '{"criteria": [{"criterion": "X.", "weight": "4"}, {"criterion": "", "weight": 1}, {"weight": 2},'
        ' {"criterion": "Y.", "weight": 0}, {"criterion": "Z.", "weight": null}]}'
    )
    assert found == (Criterion("X.", 4.0),)
    two = (Criterion("X.", 3.0), Criterion("Y.", 1.0))
    scores = [{"criterion": 1, "a": 8, "b": 4}, {"criterion": 2, "a": 1, "b": 5}]
    assert margin(json.dumps({"scores": scores}), two) == pytest.approx((3 * 4 - 4) / 4)
    assert margin(json.dumps({"scores": scores[:1]}), two) is None
    assert margin(json.dumps({"scores": [scores[0], {"criterion": 2, "a": 11, "b": 5}]}), two) is None
    assert margin("A is better", two) is None


# ----------------------------------------------------------------------------------------- synthesizeme, its ablations


def synthesis(prompt: str, title: str) -> str:
    """Foresees even-numbered choices only; the persona rests on all of them."""
    if title == "persona":
        return json.dumps(
            {"summary": "Likes what is liked.", "claims": [{"claim": "Likes it", "for": [1], "against": []}]}
        )
    first = prompt.rpartition("<response_a>")[2].partition("</response_a>")[0]
    liked = first.startswith("Liked")
    if title == "reasoning":
        number = int("".join(one for one in first if one.isdigit()))
        foreseen = liked if number % 2 == 0 else not liked
        reasoning = f"Because of {number}, they would pick it."
        return json.dumps({"speculations": [], "reasoning": reasoning, "preference": "A" if foreseen else "B"})
    return "A" if liked else "B"


async def shown_by(name: str) -> str:
    model = Model(synthesis)
    await asked(name, model, ada(10))
    return model.prompts[-1]


async def test_each_ablation_shows_its_part() -> None:
    assert "<persona>" in await shown_by("synthesizeme:persona")
    assert "<past_choice" not in await shown_by("synthesizeme:persona")
    demonstrations = await shown_by("synthesizeme:demonstrations")
    assert "<past_choice" in demonstrations
    assert "<persona>" not in demonstrations
    both = await shown_by("synthesizeme:both")
    assert "<persona>" in both
    assert "<past_choice" in both


async def test_unverified_keeps_explanations_that_predicted_wrongly() -> None:
    def odd(text: str) -> bool:
        return any(f"Because of {number}," in text for number in (1, 3, 5, 7, 9))

    assert not odd(await shown_by("synthesizeme:both"))
    model = Model(synthesis)
    await asked("synthesizeme:unverified", model, ada(10))
    assert any(odd(one) for one in model.prompts)


async def test_unselected_shows_every_training_choice_in_order_and_scores_nothing() -> None:
    model = Model(synthesis)
    found = await asked("synthesizeme:unselected", model, ada(10))
    assert found.learned["arm"] == "persona+demonstrations"
    assert model.prompts[-1].count("<past_choice n=") == 7
    numbers = [part.partition(".")[0] for part in model.prompts[-1].split("Question ")[1:]]
    assert numbers == sorted(numbers)
    assert len(model.prompts) == 7 + 1 + 2


async def test_a_choice_that_the_host_refuses_costs_only_its_own_part() -> None:
    class Small(Model):
        async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
            if "Liked 3." in messages[-1].content and "memory" in str(params.schema):
                raise RequestRefused("too long")
            return await super().complete(messages, params)

    model = Small(lambda prompt, title: '{"facts": ["Likes it."]}' if title == "memory" else "A")
    assert (await asked("memory", model, ada(5))).learned["memory"] == ["Likes it."]


async def test_criteria_are_asked_for_again_after_a_failure_and_odd_weights_are_weighed() -> None:
    """Faults: an error was kept for good; weights of 1e308 made the probability NaN."""
    failures = [1]

    def answer(prompt: str, title: str) -> str:
        if title == "rubric":
            if failures:
                failures.pop()
                raise UnusableResponse("the host is away")
            return json.dumps({"criteria": [{"criterion": "Short.", "weight": 1e308}] * 3})
        return json.dumps({"scores": [{"criterion": one, "a": 9, "b": 1} for one in (1, 2, 3)]})

    found = await judge_named("rubric")(Model(answer), ada(), Options())
    pair = ([Message("user", "How long?")], "Nine minutes.", "It depends.")
    with pytest.raises(UnusableResponse):
        await found.judge(*pair)
    judged = await found.judge(*pair)
    assert judged.probability == pytest.approx(0.5)  # the same scores in both orders speak for neither side
    criteria = [Criterion("a", 1e308), Criterion("b", 1e308), Criterion("c", 1e308)]
    scores = json.dumps({"scores": [{"criterion": one, "a": 9, "b": 1} for one in (1, 2, 3)]})
    assert margin(scores, criteria) == pytest.approx(8.0)
    assert margin('{"scores": [{"criterion": 1, "a": 1' + "0" * 400 + ', "b": 1}]}', criteria[:1]) is None
