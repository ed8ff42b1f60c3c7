"""``python -m personalrm.llm.simulated``."""

from personalrm.llm.simulated.server import main

main()
