"""The routes, one file per topic. Each has a ``router`` that `app` includes; nothing is computed here."""
