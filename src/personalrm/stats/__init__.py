"""Statistics of predictions as plain functions over arrays of shape (pairs,); they need numpy only.

- ``metrics``, ``calibration``, ``selective``: accuracy, log loss, Brier score, ECE, risk–coverage.
- ``intervals``, ``power``: user-clustered intervals, the paired test, multiple testing, detectable differences.
- ``slices``: subsets of the pairs. ``bradley_terry``: strengths from comparisons. ``scale``: rewards as z-scores.
- ``position_bias``, ``change_point``: tests for answers by position and for a change in a sequence of choices.

`strengths`, `interval`, `paired`, `holm` and `calibration` are exported from the package as well.
"""
