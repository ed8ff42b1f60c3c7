"""The task's YAML names `process_results` of this file."""

from personalrm.integrations.lm_evaluation_harness import process_results

__all__ = ["process_results"]
