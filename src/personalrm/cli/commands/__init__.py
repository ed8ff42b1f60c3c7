"""Commands in separate modules: each parses options, calls the library and prints."""
