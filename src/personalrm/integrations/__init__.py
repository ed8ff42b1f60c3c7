"""Adapters to training and evaluation frameworks, one module per framework.

| module | framework | provides |
|---|---|---|
| `trl` | TRL | `reward_function` for GRPO, RLOO and Online DPO; `PersonalJudge`; preference rows |
| `verl` | verl | `compute_score` |
| `openrlhf` | OpenRLHF | `reward_func` for a Python file; ``personalrm serve`` serves the HTTP form |
| `inspect_ai` | inspect_ai | the scorer `personal_preference`, the solver `personalize`, the task `preferences` |
| `feedback` | Langfuse, LangSmith, Open WebUI, Label Studio, Argilla | `pull`: users' feedback as a file of choices |
| `promptfoo` | promptfoo | `get_assert`, a Python assertion |
| `rewardbench` | RewardBench | a pipeline builder for saved reward models |

``import personalrm`` imports none of these modules. Only `inspect_ai` imports its framework at import; the others
import it where a function needs it.
"""
