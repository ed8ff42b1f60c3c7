"""One reward from all evidence: traits, trained models and judges, each with a weight that it has earned.

`weights` holds the maths, `table` the labelled verdicts from which weights are learned, `asking` when a judge is worth
asking, `engine` the engine ``fused:MODEL``, `out_of_fold` what benchmarks learn weights on.
"""
