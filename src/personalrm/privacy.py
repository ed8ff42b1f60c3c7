"""What puts several people's words into one prompt asks here first.

    refuse_mixing("the study 'causal' predicts a person's choices from another person's", private=lab.private)

What one person said never reaches a prompt of another person, with the exceptions named in docs/security.md. They are
refused where the prompt is made, so that Python callers are held to it as the command line is.
"""

from __future__ import annotations

import os

from personalrm.errors import PrivacyRefused

VARIABLE = "PERSONALRM_PRIVATE"
_OFF = ("", "0", "false", "no", "off", "n", "f")


def is_private(private: bool = False) -> bool:
    """Whether several people's words must not stand in one prompt: by the caller's word, or by PERSONALRM_PRIVATE.

    The environment cannot be overruled by ``private=False``.
    """
    return private or os.environ.get(VARIABLE, "").strip().lower() not in _OFF


def refuse_mixing(what: str, *, private: bool = False) -> None:
    """PrivacyRefused where `is_private`.

    Args:
        what: the words of several people that would stand in one prompt, as the first half of a sentence.
        private: what the caller says.
    """
    if is_private(private):
        raise PrivacyRefused(
            f"{what}, so --private (private=True, {VARIABLE}) refuses it: run it without, on data whose people agreed "
            "to that"
        )
