"""Whatever predicts a choice, a file each."""
