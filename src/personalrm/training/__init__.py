"""A model trained from a file of choices, in a folder that says what it is (`personalrm train`).

| module | what it does |
|---|---|
| `people` | who is trained on and who stops it: read and checked before anything slow |
| `order` | what is asked for: the method, its settings, the files |
| `folder` | the folder of a run: begun, to be gone on with, or finished |
| `learned`, `fine_tuning` | the two kinds: train, and say what was predicted of people not learned from |
| `figures` | what these predictions are worth, beside everybody's reward and the longer response |
| `outcome` | what the two kinds have in common |
| `manifest`, `card`, `curves`, `table` | what is said of the model: to programs, to readers, in a picture, at once |
| `train` | the whole |

Methods that share one footing are in `models.learned`, the fine-tuned model is in `models.reward_model`.
"""
