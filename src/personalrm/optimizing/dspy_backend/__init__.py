"""The only modules that import DSPy: it proposes and searches, everything is asked through our own endpoint.

``asking`` is the language model that DSPy sees, ``program`` the program that it optimises, ``miprov2`` and ``gepa``
start the optimisers, ``quiet`` keeps their talk, caches and progress bars to themselves. Load them by
`personalrm.optimizing.driving`, which says what to install where DSPy is missing.
"""
