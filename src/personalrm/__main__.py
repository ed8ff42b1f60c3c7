"""``python -m personalrm``: the same as the command ``personalrm``."""

from personalrm.cli.app import main

if __name__ == "__main__":
    main()
