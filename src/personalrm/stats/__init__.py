"""What the numbers of a table mean, as plain functions over arrays of shape (pairs,).

``metrics`` and ``calibration`` say how good a method is, ``intervals`` and ``power`` how sure that is, ``slices`` on
which pairs, ``bradley_terry`` turns comparisons into strengths. Only numpy stands below them. `strengths`, `interval`,
`paired`, `holm` and `calibration` are exported from the package as well.
"""
