"""A user's reward inside training and evaluation frameworks, one module a framework.

| module | framework | what it gives |
|---|---|---|
| `trl` | TRL | `reward_function` for GRPO, RLOO and Online DPO; `PersonalJudge`; preference rows |
| `verl` | verl | `compute_score` |
| `openrlhf` | OpenRLHF | `reward_func` for a Python file; ``personalrm serve`` serves the HTTP form |
| `inspect_ai` | inspect_ai | the scorer `personal_preference`, the solver `personalize`, the task `preferences` |
| `feedback` | Langfuse, LangSmith, Open WebUI, Label Studio, Argilla | `pull`: people's feedback as a file of choices |
| `promptfoo` | promptfoo | `get_assert`, a Python assertion |
| `rewardbench` | RewardBench | a pipeline builder for saved reward models |

Nothing here is imported by ``import personalrm``, and no module but `inspect_ai` imports its framework before
a function needs it.
"""
