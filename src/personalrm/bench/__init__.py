"""Running, scoring, comparing, reporting."""
