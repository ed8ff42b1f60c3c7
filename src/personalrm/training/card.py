"""The card of a learned model, for whoever finds the folder: what it is, how it is used, how well it predicts.

    card(manifest)                       # Markdown, for README.md

A fine-tuned model has a card of its own (`reward_model.card`), which the figures are added to.
"""

from __future__ import annotations

from collections.abc import Iterable

from personalrm.formatting.numbers import between, number
from personalrm.training.figures import Figure
from personalrm.training.manifest import Manifest

PAPERS = {
    "gpo": "GPO, group preference optimisation (Zhao et al., arXiv 2310.11523): a transformer reads the choices.",
    "vpl": "VPL, variational preference learning (Poddar et al., arXiv 2408.10075): a person is a latent vector.",
    "pal": "PAL, pluralistic alignment (Chen et al., arXiv 2406.08469): a person mixes ideal points.",
    "lore": "LoRe, low-rank rewards (Bose et al., arXiv 2504.14439): a person mixes a few rewards.",
    "pref": "PReF, rewards as factors (Shenfeld et al., arXiv 2503.06358): a person is a few coefficients.",
}
_USE = """```
personalrm fit me.jsonl --model trained:DIR
```

From Python, with a person's choices as `history`; what is known of them is found in milliseconds, without training:

```python
from pathlib import Path
from personalrm.models.trained import load_trained

mine = load_trained(Path("DIR")).fit(history)
mine.compare(context, a, b).probability        # that the person prefers a
mine.score(context, response)                  # log-odds; differences within a conversation mean something
```"""


def card(found: Manifest) -> str:
    """The card as Markdown."""
    data = found.data.name + ("" if found.validation is None else f", validated on {found.validation.name}")
    cut = found.cut
    return "\n\n".join(
        [
            "---\nlibrary_name: personalrm\ntags: [reward-model, preference, personalisation]\n---",
            f"# Personal reward model: {found.method}",
            PAPERS[found.method.partition(":")[0]],
            f"- Sees of a response: {found.sees}\n"
            f"- Data: {data}: {found.choices:,} choices of {found.people:,} people to learn from\n"
            f"- Longer than the encoder reads: {cut.count:,} of at most {cut.of:,} texts\n"
            f"- Seed: {found.seed}\n"
            f"- Versions: {', '.join(f'{name} {number}' for name, number in found.versions.items())}",
            "## How to use it",
            _USE,
            "## Measured",
            _table(found.figures),
            f"Who was predicted: {found.how}. The same people stopped the training and calibrated it (two numbers), so "
            "this flatters a little: quote `personalrm bench` on people who took no part.",
            "![Loss over the passes](curves.svg)",
            "## Limits",
            "It predicts which of two responses a person picks, not which is true or good for them. Longer responses "
            "are often rewarded for their length: compare with the last line of the table.",
            "## Licence",
            "Coefficients and hashes; nobody's text, name or id. The licences of the data apply to what is learned "
            "from it: of PRISM the human text is CC-BY-4.0 and the models' text CC-BY-NC-4.0, so a model that learned "
            "from PRISM is for non-commercial use, and nobody in it may be re-identified.",
        ]
    ) + "\n"  # fmt: skip


def _table(found: Iterable[Figure]) -> str:
    lines = [
        "| what | accuracy | 95 % interval, by person | log loss | people | choices |",
        "|---|---|---|---|---|---|",
    ]
    for one in found:
        cells = (number(one.accuracy), between(one.low, one.high), number(one.log_loss), one.people, one.pairs)
        lines.append(f"| {one.name} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)
