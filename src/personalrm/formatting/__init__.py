"""Numbers and words as people read them: terminal, pages, LaTeX and CSV use these."""
