"""Profiles: the record of what was learned about one person, its file and its provenance."""
