"""HelpSteer2-Preference and HelpSteer3: preference strength from -3 (first response) to 3 (second response).

The annotators are not identified, so a row is one choice by the overall preference; their texts become its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import mean

from personalrm.data.fields import Fields, describe, missing, number
from personalrm.data.formats.base import Format
from personalrm.data.unpacking import structured
from personalrm.errors import RowError

_SIDES = ({"response1", "response2"}, {"response_1", "response_2"})
_STRENGTH = ("overall_preference", "preference_strength")
_WRITTEN = ("preference_statement", "preference_elaboration")
_MOST = 3.0
_MARK = "<extra_id_1>"


def rows(row: Fields) -> Iterator[Fields]:
    first, second = ("response1", "response2") if "response1" in row else ("response_1", "response_2")
    said = _individual(row)
    strength = _strength(row, said)
    better = first if strength < 0 else second
    reasons = [*(row.get(one) for one in _WRITTEN), *(one.get("reasoning") for one in said)]
    yield {
        "context": _turns(row.get("context", row.get("prompt"))),
        "chosen": row[better],
        "rejected": row[second if better == first else first],
        "tie": strength == 0,
        "margin": abs(strength),
        "domain": row.get("domain"),
        "split": row.get("split"),
        "reason": "\n".join(str(one).strip() for one in reasons if not missing(one)) or None,
    }


def _turns(asked: object) -> object:
    """The conversation; HelpSteer2 has earlier turns in the prompt, each preceded by a mark and the speaker."""
    if not isinstance(asked, str) or _MARK not in asked:
        return asked
    first, *later = asked.split(_MARK)
    turns = [{"role": "user", "content": first.strip()}]
    for one in later:
        speaker, _, said = one.partition("\n")
        if said.strip():
            turns.append({"role": speaker.strip().lower() or "user", "content": said.strip()})
    return turns


def _strength(row: Fields, said: list[Mapping[str, object]]) -> float:
    name = next((one for one in _STRENGTH if not missing(row.get(one))), "")
    if name:
        strength = number(row[name], name)
    else:
        scores = [number(one["score"], "individual_preference.score") for one in said if not missing(one.get("score"))]
        name, strength = "individual_preference", mean(scores) if scores else float("nan")
    if not abs(strength) <= _MOST:
        raise RowError("a preference from -3 to 3", field=name, found=describe(row.get(name)))
    return strength


def _individual(row: Fields) -> list[Mapping[str, object]]:
    listed = structured(row.get("individual_preference"), "individual_preference")
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []


def _is_ours(row: Fields) -> bool:
    return any(sides <= row.keys() for sides in _SIDES) and ("context" in row or "prompt" in row)


_READS = ("context", "prompt", "response1", "response2", "response_1", "response_2", *_WRITTEN, "domain", "split")
FORMATS = (
    Format("HelpSteer3", ("overall_preference",), rows, (*_READS, "individual_preference"), accepts=_is_ours),
    Format("HelpSteer3 without an overall preference", ("individual_preference",), rows, _READS, accepts=_is_ours),
    Format("HelpSteer2 preference", ("preference_strength",), rows, _READS, accepts=_is_ours),
)
