"""The bar of a download in terminals of all widths."""

import re

import pytest

from oss_cli.terminal.progress import DownloadBar
from tests.terminal.streams import Kind, Output

GB = 10**9


def lines_of(columns: int, name: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What stands on the screen at the end."""
    monkeypatch.setenv("COLUMNS", str(columns))
    output = Output(Kind.PLAIN)
    with DownloadBar(output.stream, name, done_bytes=0, total_bytes=12 * GB) as bar:
        bar.advance(3 * GB)
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", output.text)
    return [line for line in re.split(r"[\r\n]+", text) if line.strip()]


@pytest.mark.parametrize("columns", [30, 40, 59, 60, 80, 120])
@pytest.mark.parametrize("name", ["gpt-oss-20b", "bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M"])
def test_the_bar_is_one_line_in_a_terminal_of_any_width(
    monkeypatch: pytest.MonkeyPatch, columns: int, name: str
) -> None:
    lines = lines_of(columns, name, monkeypatch)
    assert len(lines) == 1 and len(lines[0]) <= columns
    assert "3.0/12.0 GB" in lines[0]
