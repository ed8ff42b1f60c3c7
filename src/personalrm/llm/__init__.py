"""Asking a language model: one endpoint, its cache, its budget."""
