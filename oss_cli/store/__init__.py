"""What is on this disk: model files and their headers. Knows nothing of what will be done with them."""
