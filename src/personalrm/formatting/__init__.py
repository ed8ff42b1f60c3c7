"""Formatting of numbers and texts for the terminal, HTML pages, LaTeX and CSV."""
