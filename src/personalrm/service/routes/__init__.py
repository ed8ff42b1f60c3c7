"""The routes, one file a topic. Each has a ``router`` that `app` includes; nothing is computed here."""
