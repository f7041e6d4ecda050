"""States on disk: the file and the folder, without a model."""
