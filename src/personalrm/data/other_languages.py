"""Column names in other languages, word by word in English.

in_english("Antwort A")         # "answer A"
in_english("回答B")              # " answer B"
in_english("Réponse 1")         # "answer 1"

Only words that name a column of choices and mean nothing else in English are listed.
"""

from __future__ import annotations

import re
import unicodedata

_WORDS = {
    "question": "frage eingabe pregunta pergunta domanda vraag вопрос fråga pytanie soru",
    "answer": "antwort antworten réponse réponses respuesta respuestas resposta respostas risposta risposte antwoord "
    "ответ svar odpowiedź cevap",
    "winner": "gewinner sieger gagnant gagnante vainqueur ganador ganadora vencedor vencedora vincitore vincitrice "
    "winnaar победитель vinnare zwycięzca kazanan",
    "preferred": "bevorzugt bevorzugte gewählt gewählte préférée préféré choisie preferida preferido elegida elegido "
    "escolhida escolhido preferita preferito scelta gekozen выбранный предпочтительный",
    "rejected": "abgelehnt abgelehnte verworfen rejetée rejeté rechazada rechazado rejeitada rejeitado rifiutata "
    "rifiutato scartata afgewezen отклоненный",
    "preference": "präferenz préférence preferencia preferência preferenza voorkeur предпочтение",
    "better": "besser bessere meilleure meilleur mejor melhor migliore beter",
    "worse": "schlechter schlechtere peor pior peggiore slechter",
    "user": "nutzer nutzerin benutzer benutzerin utilisateur utilisatrice usuario usuaria usuário usuária utilizador "
    "utente gebruiker пользователь użytkownik kullanıcı",
    "annotator": "bewerter bewerterin annotateur annotatrice anotador anotadora annotatore аннотатор",
    "reason": "begründung raison razón razão motivazione причина",
    "rating": "bewertung évaluation valoración avaliação valutazione beoordeling оценка",
}
_SIGNS = {
    "question": "问题 提问 提示 問題 質問 プロンプト 질문",
    "answer": "回答 答案 回复 回覆 応答 답변 응답",
    "winner": "获胜者 胜者 赢家 勝者 승자",
    "preferred": "被选 选中 首选 選択 선택",
    "rejected": "被拒 拒绝 拒否 거부",
    "preference": "偏好 好み 선호",
    "user": "用户 用戶 ユーザー 使用者 사용자",
    "annotator": "标注者 标注员 評価者 평가자",
}
"""Languages without spaces: parts of a name."""
_WORD = re.compile(r"[^\W\d_]+")


def _bare(text: str) -> str:
    """The text in lower case without accents."""
    parts = unicodedata.normalize("NFD", text.lower())
    return unicodedata.normalize("NFC", "".join(one for one in parts if not unicodedata.combining(one)))


_KNOWN = {_bare(word): english for english, words in _WORDS.items() for word in words.split()}
_PARTS = {part: english for english, parts in _SIGNS.items() for part in parts.split()}
_SIGN = re.compile("|".join(sorted(_PARTS, key=len, reverse=True)))


def in_english(name: str) -> str:
    """Return the name with the known words translated, and accents removed from the others."""
    if not name.isascii():
        name = _SIGN.sub(lambda found: f" {_PARTS[found[0]]} ", name)
    return _WORD.sub(_translated, name)


def _translated(found: re.Match[str]) -> str:
    word = found[0]
    bare = _bare(word)
    return _KNOWN.get(bare) or (word if word.isascii() else bare if bare.isascii() else word)
