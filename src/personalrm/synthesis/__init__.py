"""The method, a file a stage: reasoning, persona, demonstrations, fallback, and the fitted profile."""
