"""Which names of files are safe on any system."""

import pytest

from oss_cli.store.repository import is_safe_name, is_safe_path


@pytest.mark.parametrize(
    "path", ["m.gguf", "a/b/m-Q4_K_M.gguf", "Modell für alle (1).gguf", "console.gguf", "com.gguf"]
)
def test_usual_paths_are_safe(path: str) -> None:
    assert is_safe_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "", "/m.gguf", "../m.gguf", "a/../m.gguf", "a//m.gguf", "./m.gguf", "a\\b.gguf", "C:m.gguf", "a*.gguf",
        "a\nb.gguf", "a\x1b[2J.gguf", "a\x00b", "a\u2028b.gguf", "a\u202eb.gguf", "a\ud800.gguf",
        "CON.gguf", "aux", "sub/nul.tar.gz", "com1.gguf", "LPT9.x", "com\u00b9.gguf", "CON .gguf", "conin$",
        "m.gguf.", "m.gguf ", "sub./m.gguf", "sub /m.gguf", "x" * 256, "\u00fc" * 128,
    ],
)  # fmt: skip
def test_paths_that_some_system_takes_for_something_else_are_not(path: str) -> None:
    assert not is_safe_path(path)


def test_a_name_has_no_folder() -> None:
    assert is_safe_name("m.gguf") and not is_safe_name("a/m.gguf")
