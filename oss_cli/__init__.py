"""`oss`: talk to open-weight models on your own computer. Imports nothing, so that `oss --version` is quick."""

__version__ = "0.1.0"
