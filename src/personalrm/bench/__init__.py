"""The benchmark: plan a run, evaluate methods, compare them, and write reports."""
