"""Engines and judges: everything that predicts choices."""
