"""Processes that ask a model the same forty questions and keep the answers in one place."""

from __future__ import annotations

import subprocess
import sys

QUESTIONS = 40
_PROGRAM = """
import asyncio, sys
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.llm.endpoint import SamplingParams
from personalrm.preferences import Message

async def main():
    llm = connect("m", EndpointOptions(base_url=sys.argv[1], cache=sys.argv[2]))
    asked = ([Message("user", f"question {at}")] for at in range(int(sys.argv[3])))
    await asyncio.gather(*(llm.complete(one, SamplingParams(5)) for one in asked))
    await llm.aclose()

asyncio.run(main())
"""


def asking(url: str, cache: object) -> subprocess.Popen[str]:
    """One such process, with the cache in a file or in a database; what it says on standard error is to be read."""
    words = [sys.executable, "-c", _PROGRAM, url, str(cache), str(QUESTIONS)]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
