"""Personalised reward models learned from a population: GPO, VPL, PAL, LoRe and PReF.

| module | what it does |
|---|---|
| `features` | a response in its conversation → a feature vector |
| `people`, `shared_reward` | choices as feature matrices; the population-level reward, cross-fitted by person |
| `method` | the base class of all methods |
| `gpo`, `vpl`, `pal`, `lore`, `pref` | one method per file, with the paper's equations |
| `factors`, `adapting` | shared by PAL, LoRe and PReF: user weights and their Laplace posterior (Newton's method) |
| `loop`, `checkpoint`, `threads` | training with early stopping on held-out people; can be interrupted at any time |
| `calibrating` | scales of the population-level and the personal part of a margin |
| `training` | the whole: people → `LearnedModel` |
| `model`, `folder` | predictions for any user; a model on disk |

    model = train(read_people("prism.jsonl.gz"), Settings("pref"))
    model.fit(history).compare(context, a, b)
"""

from __future__ import annotations

from personalrm.models.learned.folder import load, save
from personalrm.models.learned.model import LearnedModel
from personalrm.models.learned.settings import METHODS, Settings
from personalrm.models.learned.training import train

__all__ = ["METHODS", "LearnedModel", "Settings", "load", "save", "train"]
