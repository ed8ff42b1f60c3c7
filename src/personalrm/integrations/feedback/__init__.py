"""Feedback that lies elsewhere: one small module a host, and one `pull` for all.

| name | host | what is pulled |
|---|---|---|
| `langfuse` | Langfuse | scores, joined with traces and observations |
| `langsmith` | LangSmith | feedback, joined with runs; groups compare runs |
| `open-webui` | Open WebUI | ratings with their chats |
| `label-studio` | Label Studio | annotations of tasks |
| `argilla` | Argilla 2 | submitted responses to records |
"""

from personalrm.integrations.feedback.pulling import SERVICES, Pulled, apull, pull

__all__ = ["SERVICES", "Pulled", "apull", "pull"]
