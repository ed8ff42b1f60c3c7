"""compar:IA votes (the French government's arena): the preferred model by name, or ``both_equal``."""

from __future__ import annotations

from collections.abc import Iterator

from personalrm.data.fields import Fields, describe, first_of, flag, missing
from personalrm.data.formats.base import Format
from personalrm.data.formats.lmarena import battle
from personalrm.errors import RowError

_PEOPLE = ("visitor_id", "session_hash")
_NEEDS = ("conversation_a", "conversation_b", "model_a_name", "model_b_name", "chosen_model_name", "both_equal")


def rows(row: Fields) -> Iterator[Fields]:
    models, won = [row["model_a_name"], row["model_b_name"]], row["chosen_model_name"]
    if not missing(row["both_equal"]) and flag(row["both_equal"], "both_equal"):
        winner = "tie"
    elif models.count(won) == 1:
        winner = "model_a" if won == models[0] else "model_b"
    else:
        raise RowError("the name of one of the two models", field="chosen_model_name", found=describe(won))
    said = {"winner": winner, "judge": first_of(row, _PEOPLE)[1], "language": row.get("selected_category")}
    yield battle({**{name: row.get(name) for name in ("id", "timestamp", "conversation_a", "conversation_b")}, **said})


_READS = ("id", "timestamp", "opening_msg", "selected_category", *_PEOPLE)
FORMATS = (Format("compar:IA votes", _NEEDS, rows, _READS),)
