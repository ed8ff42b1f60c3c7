"""Optimisation of Θ, the instruction for writing personas, on training people (`personalrm optimize-prompt`).

``people`` samples and prepares people once, ``trials`` writes and evaluates personas with a candidate instruction,
``guard`` rejects candidates that leak information about training people, ``comparing`` evaluates on held-out people,
and ``prompt_file`` stores the result. Only ``driving`` and the modules it loads import DSPy.
"""
