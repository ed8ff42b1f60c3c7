"""Train a model from a file of choices into a folder that documents it (`personalrm train`).

| module | what it does |
|---|---|
| `people` | training and validation data, read and checked before slow steps |
| `config` | the configuration: method, hyper-parameters, files |
| `folder` | the folder of a run: new, unfinished (can be resumed) or finished |
| `learned`, `fine_tuning` | the two kinds of training, with predictions of held-out people |
| `evaluation` | accuracy and log loss of these predictions and of two baselines |
| `outcome` | the interface of the two kinds |
| `manifest`, `card`, `curves`, `table` | the files about the model, and the summary in the terminal |
| `train` | the whole run |

Methods that share one population-level reward are in `models.learned`, the fine-tuned model in `models.reward_model`.
"""
