r"""Script that learns the shipped prior.

    python -m personalrm.models.traits.train_prior prism.jsonl.gz mt_bench.jsonl.gz crowdrag.jsonl.gz --choices 1600 \
        --out src/personalrm/models/traits/prior.json
    python -m personalrm.models.traits.train_prior prism.jsonl.gz mt_bench.jsonl.gz crowdrag.jsonl.gz --choices 1600 \
        --encoder --out src/personalrm/models/traits/prior_encoder.json

``--choices`` keeps about as many choices of each set, so that no set outweighs the others: CrowdRAG has 4,201 choices,
PRISM 1,593, MT-Bench 1,477. The file contains coefficients, rounded to six digits, the lineage, and salted hashes of
the training people and choices, by which evaluation on training data is detected. It contains no text, id or name of a
person. Training data: prism (human text CC-BY-4.0, model text CC-BY-NC-4.0), mt_bench and crowdrag (CC-BY-4.0).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import orjson

from personalrm.data.reading import read_people
from personalrm.files import replace_file, stored
from personalrm.models.encoders import shared_minilm
from personalrm.models.traits.learning import learn
from personalrm.models.traits.prior import Prior
from personalrm.models.traits.shipped import PEOPLE
from personalrm.preferences import History
from personalrm.profile.provenance import Lineage

LICENCE = "Coefficients only. Learned from data under CC-BY-4.0 (choices, human text) and CC-BY-NC-4.0 (model text)."


def train(people: Sequence[History], names: Sequence[str], options: str, *, encoder: bool, seed: int) -> Prior:
    """Learn a prior from the people of files with these names; ``options`` complete the command in the lineage."""
    prior = learn(people, encoder=shared_minilm() if encoder else None, seed=seed, sources=names)
    prior = replace(prior, gain=prior.gain.elsewhere())  # the prior is used for people of other data sets
    command = f"python -m personalrm.models.traits.train_prior {' '.join(names)}{options}"
    return prior.with_lineage({**prior.lineage, "command": command, "licence": LICENCE})


def people_with_choices(people: Sequence[History], choices: int | None, seed: int = 0) -> list[History]:
    """People, drawn at random until they have that many decided choices; all, in order, if it is None or too large."""
    counts = np.array([len(one.decided) for one in people])
    if choices is None or counts.sum() <= choices:
        return list(people)
    order = np.random.default_rng(seed).permutation(len(people))
    enough = int(np.searchsorted(np.cumsum(counts[order]), choices)) + 1
    return [people[at] for at in order[:enough]]


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(
        prog="python -m personalrm.models.traits.train_prior", description="Learn the shipped prior."
    )
    parser.add_argument("paths", nargs="+", help="files of choices")
    parser.add_argument("--choices", type=int, help="of each file, people with so many choices, drawn at random")
    parser.add_argument("--encoder", action="store_true", help="also learn weights of sentence embeddings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True, help="where to write the prior")
    given = parser.parse_args(arguments)
    people = [
        one for path in given.paths for one in people_with_choices(list(read_people(path)), given.choices, given.seed)
    ]
    options = ("" if given.choices is None else f" --choices {given.choices}") + (" --encoder" if given.encoder else "")
    names = [Path(path).name for path in given.paths]
    prior = train(people, names, options, encoder=given.encoder, seed=given.seed)
    lineage = Lineage.of_people(one for one in people if one.decided)
    written = orjson.dumps({**prior.as_json(), PEOPLE: asdict(lineage)}, option=orjson.OPT_APPEND_NEWLINE)
    with stored(Path(given.out)):
        replace_file(Path(given.out), written)


if __name__ == "__main__":
    main()
