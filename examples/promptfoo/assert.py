"""promptfoo loads this file and calls `get_assert`."""

from personalrm.integrations.promptfoo import get_assert

__all__ = ["get_assert"]
