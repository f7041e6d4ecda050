"""Model files that cannot be used: one clear error each, and the process lives."""

from pathlib import Path

import gguf
import pytest

from tests.harness import Result, run_oss


def run_on(path: Path) -> Result:
    return run_oss("run", "-m", str(path), "hi")


def test_a_file_that_is_no_gguf(tmp_path: Path) -> None:
    path = tmp_path / "notes.gguf"
    path.write_text("just some text")
    result = run_on(path)
    assert (result.stdout, result.status) == ("", 7)
    assert result.stderr == f"error: {path} is not a GGUF file\n  it does not begin with the letters GGUF\n"


@pytest.mark.parametrize("share", [0.00001, 0.001, 0.01, 0.1, 0.5, 0.999])
def test_a_file_cut_short_is_told_with_its_numbers(tmp_path: Path, smollm2: Path, share: float) -> None:
    whole = smollm2.read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[: int(len(whole) * share)])
    result = run_on(path)
    assert (result.stdout, result.status) == ("", 7)
    assert result.stderr.startswith(f"error: {path} is cut short\n")
    assert f"{path.stat().st_size:,}" in result.stderr


def test_an_unknown_architecture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "strange.gguf"
    writer = gguf.GGUFWriter(path, "frobnicator")
    writer.add_name("strange")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    result = run_on(path)
    assert (result.stdout, result.status) == ("", 7)
    assert result.stderr == (f"error: llama.cpp could not load {path}\n  unknown model architecture: 'frobnicator'\n")


def test_a_missing_part_of_a_split_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "big-00001-of-00002.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint16("split.no", 0)
    writer.add_uint16("split.count", 2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    result = run_on(path)
    assert (result.stdout, result.status) == ("", 7)
    assert "big-00002-of-00002.gguf" in result.stderr


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    result = run_on(tmp_path / "none.gguf")
    assert (result.stderr, result.status) == (f"error: {tmp_path}/none.gguf does not exist\nhint: oss list\n", 7)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    result = run_on(tmp_path)
    assert (result.stderr, result.status) == (
        f"error: {tmp_path} is a folder\n  a model is a .gguf file\nhint: oss list\n",
        7,
    )
