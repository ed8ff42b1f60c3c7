"""What is learned about one person, its file and where it came from."""
