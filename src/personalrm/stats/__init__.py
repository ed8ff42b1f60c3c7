"""What the numbers of a table mean, as plain functions over arrays of shape (pairs,).

``scoring`` and ``calibration`` say how good a method is, ``uncertainty`` and ``power`` how sure that is, ``slices`` on
which pairs. Only numpy stands below them.
"""
