"""What the numbers of a table mean: ``scoring`` and ``calibration`` say how good, ``uncertainty`` and ``power`` how sure,
``slices`` on which pairs. Plain functions over arrays of shape (pairs,); only numpy and scipy below them.
"""
