"""Check before a prompt is built from texts of several people.

    refuse_mixing("the study 'causal' predicts a person's choices from another person's", private=lab.private)

One person's texts never reach another person's prompt, with the exceptions listed in docs/security.md. In private mode
these are refused where the prompt is built, so that the check holds for Python callers as for the command line.
"""

from __future__ import annotations

import os

from personalrm.errors import PrivacyRefused

VARIABLE = "PERSONALRM_PRIVATE"
_OFF = ("", "0", "false", "no", "off", "n", "f")


def is_private(private: bool = False) -> bool:
    """Whether texts of several people must not be in one prompt, by the argument or by PERSONALRM_PRIVATE.

    ``private=False`` does not override the environment variable.
    """
    return private or os.environ.get(VARIABLE, "").strip().lower() not in _OFF


def refuse_mixing(what: str, *, private: bool = False) -> None:
    """Raise PrivacyRefused if `is_private`.

    Args:
        what: which texts of several people the prompt would contain, as the first half of a sentence.
        private: whether the caller requests private mode.
    """
    if is_private(private):
        raise PrivacyRefused(
            f"{what}, so --private (private=True, {VARIABLE}) refuses it: run it without, on data whose people agreed "
            "to that"
        )
