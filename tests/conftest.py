"""Being here, it lets every test import the helpers of this folder (`published_files`)."""
