"""Words by which the cells of a winner column name a side, a tie or nobody; `winners` reads them."""

from __future__ import annotations

TIES = (
    "tie",
    "tied",
    "draw",
    "both",
    "equal",
    "equally",
    "same",
    "neither",
    "bothbad",
    "bothgood",
    "all_bad",
    "all_good",
    "no_preference",
    "no_pref",
    "indifferent",
    "neutral",
)
TIE_PHRASES = (
    "no_difference",
    "no_clear_winner",
    "either",
    "about_the_same",
    "just_as_good",
    "no_winner",
    "none_of_them",
    "similar",
    "even",
    "a_b_tie",
    "50_50",
    "comparable",
    "on_par",
    "no_clear_preference",
    "no_strong_preference",
    "no_real_difference",
    "not_much_difference",
    "little_difference",
)
OPENINGS = frozenset(
    ("they", "these", "the", "two", "are", "is", "it", "s", "i", "think", "responses", "answers", "options", "were")
)
"""Words before the verdict in a sentence such as "The two responses are about the same"."""
TIE_BEGINNINGS = (*(one for one in TIES if "_" in one), "indifferent", *TIE_PHRASES)
UNSURE = ("unsure", "not_sure", "skip", "skipped", "cannot_tell", "can_t_tell", "don_t_know", "unclear")
FILLERS = {
    *("is", "better", "best", "the", "one", "wins", "win", "won", "winner", "preferred", "prefer", "prefers", "chosen"),
    *("response", "answer", "model", "assistant", "option", "completion", "output", "text", "side", "candidate"),
    *("summary", "bot", "chatbot", "reply", "choice", "version", "conversation", "message", "generation", "ai", "llm"),
    *("resp", "ans", "like", "likes", "liked"),
    *("clearly", "much", "slightly", "significantly", "strongly", "somewhat", "far", "marginally", "definitely"),
    *(
        "i",
        "my",
        "of",
        "was",
        "it",
        "system",
        "s",
        "number",
        "than",
        "others",
        "other",
        "column",
        "argument",
        "passage",
    ),
}
A_BIT = ("_a_bit", "_a_little", "_a_lot")
EVEN = frozenset("=≈~")
ORDINALS = ("1st", "2nd", "3rd", "4th")
AGAINST = frozenset(("over", "beats", "beat"))
WORSE = frozenset(("worse", "worst", "loses", "lost"))
PREFERRED = frozenset(("prefer", "prefers", "preferred", "chosen", "better"))
