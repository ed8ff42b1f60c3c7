"""Column names in other languages, questions inside objects, and what a refusal says."""

from __future__ import annotations

from pathlib import Path

import pytest
from each import each

from personalrm.data.columns import plain
from personalrm.data.reading import read_people
from personalrm.errors import DataError

QUESTION, GOOD, BAD = "How do I make coffee?", "With a French press.", "It depends."


@each(
    "head",
    [
        "Frage;Antwort A;Antwort B;Gewinner;Nutzer",
        "question;réponse_a;réponse_b;gagnant;utilisateur",
        "Pregunta;Respuesta A;Respuesta B;Ganador;Usuario",
        "pergunta;resposta_a;resposta_b;vencedor;usuário",
        "domanda;risposta_a;risposta_b;vincitore;utente",
        "问题;回答A;回答B;胜者;用户",
        "質問;回答A;回答B;勝者;ユーザー",
        "질문;답변A;답변B;승자;사용자",
        "вопрос;ответ_a;ответ_b;победитель;пользователь",
    ],
)
@each("side", ["a", "b"])
def test_columns_in_other_languages_are_read(tmp_path: Path, head: str, side: str) -> None:
    path = tmp_path / "export.csv"
    first, second = (GOOD, BAD) if side == "a" else (BAD, GOOD)
    path.write_text(f"{head}\n{QUESTION};{first};{second};{side};anna\n", "utf-8")
    (person,) = read_people(path)
    (choice,) = person.choices
    assert (person.user, choice.context[-1].content, choice.chosen, choice.rejected) == ("anna", QUESTION, GOOD, BAD)


@each("name", ["prompt", "Response A", "userId", "chosenScore", "préféré", "text", "note", "model"])
def test_english_names_stay(name: str) -> None:
    said = {"préféré": "preferred", "Response A": "response_a", "userId": "user_id", "chosenScore": "chosen_score"}
    assert plain(name) == said.get(name, name)


@each("prompt", ['{"question": "%s"}', '{"input": [{"role": "user", "content": "%s"}]}'])
def test_a_question_alone_in_an_object_is_the_prompt(tmp_path: Path, prompt: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f'{{"prompt": {prompt % QUESTION}, "chosen": "{GOOD}", "rejected": "{BAD}"}}\n')
    (person,) = read_people(path)
    assert [one.content for one in person.choices[0].context] == [QUESTION]


@each(
    ("text", "columns"),
    [
        ("prompt,one,two,verdict\nQ?,First text,Second text,undecided-ish\n", ("one", "two", "verdict")),
        ("Ask,Reply X,Reply Y,Pick\nQ?,First text,Second text,maybe\n", ("a=Reply X", "winner=Pick")),
    ],
)
def test_a_refusal_of_all_rows_names_the_columns_and_the_option(
    tmp_path: Path, text: str, columns: tuple[str, ...]
) -> None:
    path = tmp_path / "odd.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        list(read_people(path))
    assert "--columns" in str(caught.value)
    assert all(one in str(caught.value) for one in columns)
