"""``python -m personalrm.cli``."""

from __future__ import annotations

from personalrm.cli.app import main

if __name__ == "__main__":
    main()
