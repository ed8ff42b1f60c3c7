r"""Script that learns the shipped prior.

    python -m personalrm.models.traits.train_prior prism.jsonl.gz mt_bench.jsonl.gz \
        --out src/personalrm/models/traits/prior.json
    python -m personalrm.models.traits.train_prior prism.jsonl.gz mt_bench.jsonl.gz --encoder \
        --out src/personalrm/models/traits/prior_encoder.json

The file contains coefficients, rounded to six digits, the lineage, and salted hashes of the training people and
choices, by which evaluation on training data is detected. It contains no text, id or name of a person. Training data:
prism (human text CC-BY-4.0, model text CC-BY-NC-4.0) and mt_bench (CC-BY-4.0).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

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


def train(paths: Sequence[str], *, encoder: bool = False, seed: int = 0) -> Prior:
    """Learn a prior from the people of all files."""
    names = [Path(path).name for path in paths]
    prior = learn(_everyone(paths), encoder=shared_minilm() if encoder else None, seed=seed, sources=names)
    prior = replace(prior, gain=prior.gain.elsewhere())  # the prior is used for people of other data sets
    command = f"python -m personalrm.models.traits.train_prior {' '.join(names)}" + (" --encoder" if encoder else "")
    return prior.with_lineage({**prior.lineage, "command": command, "licence": LICENCE})


def _everyone(paths: Sequence[str]) -> Iterator[History]:
    for path in paths:
        yield from read_people(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m personalrm.models.traits.train_prior", description=train.__doc__)
    parser.add_argument("paths", nargs="+", help="files of choices")
    parser.add_argument("--encoder", action="store_true", help="also learn weights of sentence embeddings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True, help="where to write the prior")
    given = parser.parse_args(arguments)
    prior = train(given.paths, encoder=given.encoder, seed=given.seed)
    people = Lineage.of_people(one for one in _everyone(given.paths) if one.decided)
    written = orjson.dumps({**prior.as_json(), PEOPLE: asdict(people)}, option=orjson.OPT_APPEND_NEWLINE)
    with stored(Path(given.out)):
        replace_file(Path(given.out), written)


if __name__ == "__main__":
    main()
