"""Read, write, split and simulate preference choices."""
