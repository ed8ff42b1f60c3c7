"""Pull feedback from other platforms: one module per host, and one function `pull` for all.

| name | host | pulled feedback |
|---|---|---|
| `langfuse` | Langfuse | scores, joined with traces and observations |
| `langsmith` | LangSmith | feedback, joined with runs; a feedback group compares several runs |
| `open-webui` | Open WebUI | ratings, each with its chat |
| `label-studio` | Label Studio | annotations of tasks |
| `argilla` | Argilla 2 | submitted responses to records |
"""

from personalrm.integrations.feedback.pulling import SERVICES, Pulled, apull, pull

__all__ = ["SERVICES", "Pulled", "apull", "pull"]
