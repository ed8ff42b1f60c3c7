"""The SynthesizeMe method, one module per stage: reasoning, persona, demonstrations, arm selection, fitted profile."""
