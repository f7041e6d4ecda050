"""Many requests out of a file, their answers into another: read, run, recorded, gone on with after a kill."""
