"""Reading, writing, splitting and simulating choices."""
