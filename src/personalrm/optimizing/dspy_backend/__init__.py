"""The modules that import DSPy, which proposes and searches; all its requests go through our own endpoint.

``asking`` is the language model for DSPy, ``program`` the program to optimise, ``miprov2`` and ``gepa`` run the
optimisers, ``quiet`` silences their logs, caches and progress bars. Load them through `personalrm.optimizing.driving`,
which names the extra to install if DSPy is missing.
"""
