"""Combines all evidence into one reward: traits, trained models and judges, each with a learned weight.

`weights` has the equations, `table` the labelled verdicts from which weights are learned, `asking` decides when a judge
is asked, `engine` is the engine ``fused:MODEL``, `out_of_fold` computes the log-odds on which benchmarks learn weights.
"""
