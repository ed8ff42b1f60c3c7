"""The model card of a learned model: what it is, how to use it, and its accuracy and log loss.

    card(manifest)                       # Markdown, for README.md

A fine-tuned model has its own card (`reward_model.card`), to which the metrics are added.
"""

from __future__ import annotations

from collections.abc import Iterable

from personalrm.formatting.numbers import between, number
from personalrm.training.evaluation import PredictorMetrics
from personalrm.training.manifest import Manifest

PAPERS = {
    "gpo": "GPO, group preference optimisation (Zhao et al., arXiv 2310.11523): a transformer reads the choices.",
    "vpl": "VPL, variational preference learning (Poddar et al., arXiv 2408.10075): a user is a latent vector.",
    "pal": "PAL, pluralistic alignment (Chen et al., arXiv 2406.08469): a user is a mixture of ideal points.",
    "lore": "LoRe, low-rank rewards (Bose et al., arXiv 2504.14439): a user is a mixture of basis rewards.",
    "pref": "PReF, preference factors (Shenfeld et al., arXiv 2503.06358): a user is a few coefficients.",
}
_USE = """```
personalrm fit me.jsonl --model trained:DIR
```

From Python, with a user's choices as `history`; fitting takes milliseconds and no gradient step of training:

```python
from pathlib import Path
from personalrm.models.trained import load_trained

mine = load_trained(Path("DIR")).fit(history)
mine.compare(context, a, b).probability        # that this user prefers a
mine.score(context, response)                  # log-odds, comparable within a conversation
```"""


def card(found: Manifest) -> str:
    """The card as Markdown."""
    data = found.data.name + ("" if found.validation is None else f", validated on {found.validation.name}")
    cut = found.truncated
    return "\n\n".join(
        [
            "---\nlibrary_name: personalrm\ntags: [reward-model, preference, personalisation]\n---",
            f"# Personal reward model: {found.method}",
            PAPERS[found.method.partition(":")[0]],
            f"- Features: {found.features}\n"
            f"- Data: {data}: {found.choices:,} choices of {found.people:,} people in training\n"
            f"- Truncated by the encoder: {cut.count:,} of at most {cut.of:,} texts\n"
            f"- Seed: {found.seed}\n"
            f"- Versions: {', '.join(f'{name} {number}' for name, number in found.versions.items())}",
            "## How to use it",
            _USE,
            "## Measured",
            _table(found.metrics),
            f"Evaluated on: {found.evaluated_on}. The same people were used for early stopping and calibration (two "
            "scales), so this is slightly optimistic: report `personalrm bench` on people who were not used in "
            "training.",
            "![Loss by epoch](curves.svg)",
            "## Limits",
            "It predicts which of two responses a person picks, not which is true or good for them. Longer responses "
            "are often rewarded for their length: compare with the last line of the table.",
            "## Licence",
            "The files hold coefficients and hashes, no text, name or id of a person. The data's licences apply to "
            "models trained on it: the human text of PRISM is CC-BY-4.0 and the models' text CC-BY-NC-4.0, so a model "
            "trained on PRISM is for non-commercial use, and its participants must not be re-identified.",
        ]
    ) + "\n"  # fmt: skip


def _table(found: Iterable[PredictorMetrics]) -> str:
    lines = [
        "| predictor | accuracy | 95 % interval, by person | log loss | people | choices |",
        "|---|---|---|---|---|---|",
    ]
    for one in found:
        cells = (number(one.accuracy), between(one.low, one.high), number(one.log_loss), one.people, one.pairs)
        lines.append(f"| {one.name} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)
