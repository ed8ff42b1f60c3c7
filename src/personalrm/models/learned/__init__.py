"""Rewards with a person in them, learned from many people: GPO, VPL, PAL, LoRe and PReF.

| module | what it does |
|---|---|
| `features` | a response in its conversation → a row of numbers |
| `people`, `footing` | choices as rows; what everybody likes, learned without each person in turn |
| `method` | the seam of all methods |
| `gpo`, `vpl`, `pal`, `lore`, `pref` | a method a file, with the paper's equations |
| `factors`, `adapting` | what PAL, LoRe and PReF share: a person is a few weights, found by Newton's method |
| `loop`, `checkpoint`, `threads` | training with early stopping on people, to be interrupted at any time |
| `calibrating` | how far everybody's and the person's part are to be trusted |
| `training` | the whole: people → `LearnedModel` |
| `model`, `folder` | predicting for anybody; a model on disk |

    model = train(read_people("prism.jsonl.gz"), Settings("pref"))
    model.fit(history).compare(context, a, b)
"""

from __future__ import annotations

from personalrm.models.learned.folder import load, save
from personalrm.models.learned.model import LearnedModel
from personalrm.models.learned.settings import METHODS, Settings
from personalrm.models.learned.training import train

__all__ = ["METHODS", "LearnedModel", "Settings", "load", "save", "train"]
