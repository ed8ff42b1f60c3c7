"""Θ, the instruction that asks for a persona, optimised over training people (`personalrm optimize-prompt`).

``people`` are drawn and prepared once, ``trials`` writes and judges personas with a candidate instruction,
`synthesis.guard` refuses candidates that carry anything of the training people, ``comparing`` measures on people held
back, and ``prompt_file`` keeps the result. ``driving`` and what it loads are the only modules of the package that
import DSPy.
"""
