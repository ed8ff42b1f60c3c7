"""Processes that send the same forty requests to a model and share one cache."""

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
    """Start one such process, with the cache in a file or a database; its standard error can be read."""
    words = [sys.executable, "-c", _PROGRAM, url, str(cache), str(QUESTIONS)]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
