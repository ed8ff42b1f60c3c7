"""Known column names for each role, most specific first.

    plain("Better Response")       # "better_response": case, spaces, hyphens and camelCase do not matter
    ROLES["user"]                  # ("user", "user_id", "annotator", …)

Other column names can be given with `--columns` (see `mapping`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from personalrm.data.other_languages import in_english
from personalrm.preferences import Part

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_JOINT = re.compile(r"(?<=[a-zA-Z])(?=\d)")
_GAP = re.compile(r"[^0-9a-z]+")


@lru_cache(4096)
def plain(name: str) -> str:
    """The name in lower case, with words and numbers separated by underscores."""
    parted = _JOINT.sub("_", _HUMP.sub("_", in_english(name[:200])))
    return _GAP.sub("_", parted.lower()).strip("_") or name[:200].lower()


PREFERS = frozenset(
    (
        "prefer",
        "prefers",
        "preferred",
        "preference",
        "better",
        "best",
        "winner",
        "wins",
        "won",
        "choice",
        "choose",
        "flag",
    )
)
"""Words that mark a column as winner column if its name is a question ("Which response do you prefer?")."""
PICKS = frozenset(("selected", "picked", "pick", "vote"))
"""Words that may mark a winner column, if none has a word of `PREFERS`."""
ORDERS = (
    *("order", "ranked_order", "ranking_order", "preference_order", "ranked_indices", "ranking_indices"),
    *("sorted_indices", "best_to_worst", "order_of_preference"),
)
"""Columns with a list of responses, best first; other rank columns have a rank for each response."""

_NOUNS = (
    *("response", "answer", "output", "text", "completion", "reply", "content", "message", "messages", "conversation"),
    *("generation", "summary", "resp"),
)


BESIDE = frozenset(
    (
        *("rating", "score", "scores", "stars", "grade", "points", "reward", "strength", "confidence", "reason", "why"),
        *("model", "id", "name", "time", "date", "source", "length", "len", "tokens", "metadata", "rank", "url", "by"),
        *("logps", "logprob", "prob", "count", "user", "annotator", "at", "comment", "feedback", "label", "embedding"),
    )
)
"""Words in names of columns that say something about a response or a choice, and are neither."""
_BETTER = frozenset(
    (
        *("chosen", "preferred", "accepted", "better", "winning", "winner", "good", "positive", "superior", "liked"),
        *("best", "selected", "upvoted"),
    )
)
_ANSWERS = frozenset((*_NOUNS, "assistant", "option", "candidate", "version", "draft", "argument", "translation"))
_WORSE = frozenset(
    (
        *("rejected", "dispreferred", "unpreferred", "worse", "losing", "loser", "bad", "negative", "inferior"),
        *("disliked", "worst", "unselected", "unchosen", "downvoted", "discarded"),
    )
)


def contrasted(names: Iterable[str]) -> tuple[str, str] | None:
    """The only two names that differ in one word, which is a word for better and one for worse; else None.

    contrasted(["prompt", "good_edited_response", "bad_edited_response"])  # the last two
    """
    words = {name: plain(name).split("_") for name in names}
    better, worse = (
        {name: [one for one in said if one not in side] for name, said in words.items() if side & {*said}}
        for side in (_BETTER, _WORSE)
    )
    found = [
        (one, other)
        for one, rest in better.items()
        for other, left in worse.items()
        if rest == left and _ANSWERS & {*rest} and not BESIDE & {*rest}
    ]
    return found[0] if len(found) == 1 else None


def _composed(*words: str) -> tuple[str, ...]:
    """All combinations of a word and a noun for a response, in both orders: good_answer, answer_good."""
    return tuple(name for word in words for noun in _NOUNS for name in (f"{word}_{noun}", f"{noun}_{word}"))


ROLES: Mapping[str, tuple[str, ...]] = {
    # the conversation
    "system": ("system", "system_prompt", "system_message", "system_instruction", "sys_prompt", "sysprompt"),
    "history": ("history", "chat_history", "conversation_history", "dialogue_history", "previous_turns"),
    "context": (
        *("context", "messages", "conversations", "conversation", "dialogue", "dialog", "chat", "turns", "contents"),
        "trajectory",
    ),
    "prompt": (
        *("prompt", "question", "instruction", "query", "user_prompt", "user_query", "user_question", "user_message"),
        *("user_input", "input_prompt", "prompt_text", "full_prompt", "request", "task_prompt", "instructions"),
        *("question_text", "query_text", "instruction_text", "prompt_content", "question_content", "question_body"),
        *("input_question", "original_prompt", "initial_prompt", "final_prompt", "prompt_message", "user_turn"),
        *("customer_message", "customer_question", "human_prompt", "user_text", "user_request", "raw_prompt"),
    ),
    "input": ("input", "input_text", "inputs"),
    "asked": ("text", "post", "article", "document", "passage", "body", "task", "scenario", "situation", "source_text"),
    # which response was preferred
    "chosen": (
        *("chosen", "chosen_response", "chosen_answer", "chosen_output", "chosen_text", "chosen_completion"),
        *("chosen_messages", "preferred", "preferred_output", "preferred_response", "preferred_answer"),
        *("preferred_completion", "accepted", "accepted_response", "accepted_answer", "better", "better_response"),
        *("better_answer", "better_output", "winner", "winner_response", "winning_response", "winning_answer"),
        *("selected_response", "best_response", "best_answer", "good_response", "positive", "pos", "y_w", "yw"),
        *_composed(
            "chosen", "preferred", "accepted", "better", "winning", "winner", "good", "positive", "pos", "selected"
        ),
        *("y_pos", "response_w", "response_j", "win", "good", "accept", "best", "selected", "upvoted", "correct"),
    ),
    "rejected": (
        *("rejected", "rejected_response", "rejected_answer", "rejected_output", "rejected_text"),
        *("rejected_completion", "rejected_messages", "dispreferred", "dispreferred_output", "dispreferred_response"),
        *("non_preferred", "non_preferred_output", "non_preferred_response", "not_preferred", "unpreferred"),
        *("worse", "worse_response", "worse_answer", "worse_output", "loser", "loser_response", "losing_response"),
        *("losing_answer", "discarded", "not_chosen", "unchosen", "unselected_response", "worst_response"),
        *("worst_answer", "bad_response", "negative", "neg", "y_l", "yl"),
        *_composed("rejected", "dispreferred", "non_preferred", "worse", "losing", "loser", "bad", "negative", "neg"),
        *_composed("unselected", "other"),
        *(
            "y_neg",
            "response_l",
            "response_k",
            "lose",
            "bad",
            "reject",
            "worst",
            "unselected",
            "downvoted",
            "incorrect",
        ),
    ),
    "winner": (
        *("winner", "preference", "preferred", "preferred_response", "preferred_answer", "preferred_output"),
        *("preferred_completion", "better", "better_response", "better_answer", "better_output", "better_response_id"),
        *("best", "best_response", "best_answer", "which_is_better", "which_response_is_better", "which_is_best"),
        *("which_answer_is_better", "which_one_is_better", "which_do_you_prefer", "winning_response", "winning_model"),
        *("winning_answer", "winner_model", "chosen", "chosen_response", "chosen_answer", "chosen_index", "chosen_idx"),
        *("chosen_id", "selected", "selected_response", "selected_answer", "selected_index", "selection", "choice"),
        *("picked", "pick", "vote", "verdict", "judgement", "judgment", "human_preference", "user_preference"),
        *("overall_preference", "overall_pref", "pref", "favorite", "favourite", "decision", "best_index", "best_idx"),
        *("winner_index", "winner_idx", "preferred_index", "preferred_idx", "label", "labels", "human_label"),
    ),
    "tie": ("tie", "is_tie"),
    "margin": ("margin",),
    "chosen_score": ("chosen_score", "score_chosen", "chosen_rating", "rating_chosen", "chosen_avg_rating"),
    "rejected_score": ("rejected_score", "score_rejected", "rejected_rating", "rating_rejected", "rejected_avg_rating"),
    # several responses, or one
    "responses": (
        *("responses", "completions", "candidates", "outputs", "answers", "generations", "options", "summaries"),
        *("texts", "replies", "samples", "hypotheses", "model_outputs", "model_responses", "choices"),
    ),
    "scores": ("scores", "ratings", "rewards", "rating", "score"),
    "ranks": ("ranks", "ranking", "rankings", "rank", *ORDERS),
    "response": (
        *("response", "completion", "answer", "output", "reply", "generation", "text", "summary", "model_response"),
        *("assistant_response", "bot_response", "llm_response", "model_output", "model_answer", "prediction"),
    ),
    "score": (
        *("score", "rating", "overall_score", "stars", "overall_rating", "grade", "overall", "overall_quality"),
        *("quality", "helpfulness"),
    ),
    "rank": ("rank", "ranking", "position"),
    "liked": (
        *("label", "liked", "like", "thumb", "thumbs", "thumbs_up", "is_good", "upvoted", "desirable", "is_desirable"),
        *("is_positive", "is_liked", "is_accepted", "is_preferred", "is_chosen", "is_upvoted"),
        *("helpful", "is_helpful", "feedback", "vote", "user_feedback", "reaction"),
    ),
    # the user, and metadata of the choice
    "user": (
        *("user", "user_id", "annotator", "annotator_id", "worker_id", "worker", "rater", "rater_id", "labeler"),
        *("labeller", "labeler_id", "labeller_id", "evaluator", "evaluator_id", "judge_id", "judge_hash", "reviewer"),
        *("reviewer_id", "participant", "participant_id", "respondent", "respondent_id", "person", "person_id"),
        *("subject_id", "crowdworker", "crowdworker_id", "annotated_by", "completed_by", "labeled_by", "rated_by"),
        *("username", "user_name", "userid", "judge", "expert", "voter", "voter_id", "player"),
        *("email", "email_address", "user_email", "annotator_email", "worker_email", "user_identifier"),
        *("user_uid", "firebase_uid", "auth_uid", "account_uid", "owner_uid", "created_by_uid"),
        *("distinct_id", "visitor_id", "tester", "tester_id", "contributor_id", "annotator_index", "labeler_index"),
    ),
    "id": ("id", "pair_id", "comparison_id", "uuid", "uid", "annotation_id"),
    "group": ("group", "group_id", "conversation_id"),
    "domain": ("domain", "type", "conversation_type", "category", "topic"),
    "time": (
        *(
            "time",
            "timestamp",
            "tstamp",
            "generated_datetime",
            "created_at",
            "date",
            "datetime",
            "created",
            "submitted",
        ),
        *("submitted_at", "completed_at", "annotated_at", "updated_at"),
    ),
    "demographics": ("demographics", "profile"),
    "reason": (
        *("reason", "reasons", "why", "comment", "comments", "justification", "remark", "remarks", "feedback"),
        *("reason_for_preference", "reason_for_choice", "preference_reason", "your_reason", "explanation"),
        *("please_explain", "explain_your_choice", "explain"),
    ),
    "judges": ("judges",),
    "split": ("split",),
    "stated": ("stated",),
    "source": ("source",),
    "ranking": ("ranking",),
    "weight": ("weight",),
    "status": ("status",),
    "as_written": ("as_written",),
    "model": ("model", "model_name", "model_id"),
}
ABOUT = (
    "user",
    "id",
    "group",
    "domain",
    "time",
    "demographics",
    "reason",
    "judges",
    "split",
    "stated",
    "tie",
    "margin",
)
"""Roles of metadata of a choice."""

TEXTS = ("content", "response", "text", "completion", "answer", "output", "value", "generation", "message", "summary")
"""Keys of the text in an object of a list of responses."""
SCORES = ("score", "rating", "overall_score", "reward", "stars", "grade", "pm_score", "upvotes", "votes", "points")
RANKS = ("rank", "ranking")
PICKED = ("selected", "chosen", "is_chosen", "preferred", "is_preferred", "is_best", "best", "accepted", "is_accepted")
"""Boolean keys that mark the preferred response in a list."""
MODELS = ("model", "model_name", "model_id", "name", "policy", "source")
SPLITS: Mapping[str, Part] = {
    "context": "context",
    "train": "context",
    "val": "context",
    "target": "target",
    "test": "target",
}
"""Part of a choice by the value of ``split``: the published data sets learn from train and val, and predict test."""
