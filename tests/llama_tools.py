"""llama.cpp's own tools, which `.ci/build-llama-tools` builds: found, or the command that builds them."""

import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest


def find_tool(name: str) -> Path:
    """The path of `llama-server`, `llama-completion` or `llama-bench`: in $OSS_LLAMA_TOOLS, else where they are built.

    A test that needs one and finds none fails; it does not skip.
    """
    folder = os.environ.get("OSS_LLAMA_TOOLS")
    path = (Path(folder) if folder else built_folder()) / name
    if not path.is_file():
        pytest.fail(f"there is no {path}: .ci/build-llama-tools {sys.executable}", pytrace=False)
    return path


def built_folder() -> Path:
    """Where `.ci/build-llama-tools` puts them for the llama-cpp-python that is installed."""
    if sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "oss-llama-tools" / version("llama-cpp-python") / "build" / "bin"
