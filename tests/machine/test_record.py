"""The probe that is kept on disk."""

from pathlib import Path

import pytest

from oss_cli.machine.record import read_record, write_record
from tests.machine.machines import MACHINES

COMPUTERS = {name: machine for group in MACHINES.values() for name, machine in group.items()}


@pytest.mark.parametrize("name", COMPUTERS)
def test_a_record_reads_as_it_was_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / "cache" / "probe.json"
    assert write_record(path, COMPUTERS[name], 1_795_467_537.5)
    record = read_record(path)
    assert record is not None
    assert (record.machine, record.taken_at) == (COMPUTERS[name], 1_795_467_537.5)
    assert [file.name for file in path.parent.iterdir()] == ["probe.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"version": 0}', '{"version": 1, "taken_at": 1, "machine": {"gpus": 3}}']
)
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "probe.json"
    path.write_text(text)
    assert read_record(path) is None


def test_no_record_is_none(tmp_path: Path) -> None:
    assert read_record(tmp_path / "probe.json") is None


def test_a_folder_that_cannot_be_written_hurts_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not write_record(tmp_path / "file" / "probe.json", COMPUTERS["CPU, 8 GB"], 0.0)
