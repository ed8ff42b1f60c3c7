"""LLM-Blender (PairRM): MixInstruct's comparisons of two models, and Unified-Feedback's rated conversations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from personalrm.data.fields import Fields, describe, number
from personalrm.data.formats.base import Format
from personalrm.data.unpacking import structured
from personalrm.errors import RowError

_SAID = {"A is better": "a", "B is better": "b", "same good": "tie", "same bad": "tie"}


def mix_instruct(row: Fields) -> Iterator[Fields]:
    """Yield the comparisons of a row, which count together as one choice."""
    compared = structured(row["cmp_results"], "cmp_results")
    if not isinstance(compared, Mapping):
        raise RowError("comparisons by pair of models", field="cmp_results", found=describe(compared))
    listed = row["candidates"] if isinstance(row["candidates"], list) else []
    texts = {str(one["model"]): one.get("text") for one in listed if isinstance(one, Mapping) and "model" in one}
    rest = {name: row.get(name) for name in ("instruction", "input")}
    for pair, said in compared.items():
        field = f"cmp_results.{pair}"
        first, _, second = str(pair).partition(",")
        if first not in texts or second not in texts:
            raise RowError("the names of two candidates", field=field, found=describe(pair))
        if not isinstance(said, str) or said not in _SAID:
            raise RowError(", ".join(_SAID), field=field, found=describe(said))
        several = {"ranking": f"{row.get('id')}", "weight": 1 / len(compared)} if len(compared) > 1 else {}
        better, worse = (second, first) if _SAID[said] == "b" else (first, second)
        sides = {"chosen": texts[better], "rejected": texts[worse], "tie": _SAID[said] == "tie"}
        yield {**rest, **sides, **several}


def unified(row: Fields) -> Iterator[Fields]:
    one, other = (number(row[name], name) for name in ("conv_A_rating", "conv_B_rating"))
    first, second = (row["conv_A"], row["conv_B"]) if one >= other else (row["conv_B"], row["conv_A"])
    ids = {"id": row.get("id"), "source": row.get("source")}
    yield {**ids, "chosen": first, "rejected": second, "tie": one == other, "margin": abs(one - other)}


FORMATS = (
    Format("MixInstruct", ("candidates", "cmp_results"), mix_instruct, ("instruction", "input", "id")),
    Format("Unified-Feedback", ("conv_A", "conv_B", "conv_A_rating", "conv_B_rating"), unified, ("id", "source")),
)
