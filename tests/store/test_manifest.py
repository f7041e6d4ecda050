"""The manifest: what is written is read again, by whatever process, and what cannot be read is no harm."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from oss_cli.errors import CannotWrite
from oss_cli.plan import ModelShape
from oss_cli.store.manifest import Manifest, Record, RecordedFile, change_manifest, read_manifest

SHAPE = ModelShape(
    architecture="gpt-oss", layers=2, hidden_size=64, heads=4, kv_heads=2, head_size=16, vocabulary_tokens=300,
    trained_context_tokens=4096, embedding_bytes=1, output_bytes=2, dense_bytes=3, window_tokens=128,
    window_pattern=(True, False),
)  # fmt: skip


def record(name: str, sha256: str = "a", commit: str = "1" * 40) -> Record:
    return Record(name, (RecordedFile("m.gguf", 5, sha256 * 64, 7),), "org/repo", commit, "/cache", shape=SHAPE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "manifest.json"


def test_what_is_written_is_read(file: Path) -> None:
    one, other = record("One"), replace(record("org/repo:Q8_0"), also="org/repo", shape=None)
    written = change_manifest(file, lambda manifest: manifest.with_model(one).with_begun(other))
    assert read_manifest(file) == written == Manifest({"one": one}, {"org/repo:q8_0": other})
    assert read_manifest(file).find("ONE") == one
    assert sorted(path.name for path in file.parent.iterdir()) == ["manifest.json", "manifest.json.lock"]


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"version": 2, "models": {}}', '{"version": 1, "models": 3}'])
def test_what_cannot_be_read_is_empty(file: Path, text: str) -> None:
    assert read_manifest(file) == Manifest()
    file.parent.mkdir()
    file.write_text(text)
    assert read_manifest(file) == Manifest()


def test_one_bad_record_does_not_hide_the_others(file: Path) -> None:
    change_manifest(file, lambda manifest: manifest.with_model(record("one")).with_model(record("two")))
    values = json.loads(file.read_text())
    values["models"]["one"]["files"] = [{"path": "m.gguf"}]
    values["models"]["three"] = None
    file.write_text(json.dumps(values))
    assert read_manifest(file) == Manifest({"two": record("two")})


def test_what_a_newer_oss_wrote_is_left_alone(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"version": 2}')
    with pytest.raises(CannotWrite) as caught:
        change_manifest(file, lambda manifest: manifest.with_model(record("one")))
    assert (caught.value.message, caught.value.cause) == (
        f"{file} cannot be written", "a newer oss wrote it (version 2)",
    )  # fmt: skip
    assert file.read_text() == '{"version": 2}'


def test_processes_at_once_lose_none_of_their_entries(file: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from oss_cli.store.manifest import Record, RecordedFile, change_manifest\n"
        "for number in range(25):\n"
        "    one = Record(f'{sys.argv[2]}{number}', (RecordedFile('m', 1, 'a' * 64),))\n"
        "    change_manifest(Path(sys.argv[1]), lambda manifest: manifest.with_model(one))\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", program, str(file), who]) for who in "abc"]
    assert [child.wait(timeout=60) for child in children] == [0, 0, 0]
    assert sorted(read_manifest(file).models) == sorted(f"{who}{number}" for who in "abc" for number in range(25))


def test_an_update_keeps_what_the_name_meant_and_a_removal_brings_it_back() -> None:
    old, new = record("One"), record("One", "b", "2" * 40)
    updated = Manifest().with_model(old).with_model(new, older=old)
    kept = replace(old, name="One@1111111")
    assert updated == Manifest({"one@1111111": kept, "one": new})
    assert updated.without("one") == Manifest({"one": replace(kept, name="one")})
    assert updated.without("One@1111111") == Manifest({"one": new})
    assert updated.with_model(old, older=new) == Manifest({"one@2222222": replace(new, name="One@2222222"), "one": old})


def test_a_short_name_means_one_model_only() -> None:
    one, two = (replace(record(f"org/repo:{quant}"), also="org/repo") for quant in ("Q4_0", "Q8_0"))
    manifest = Manifest().with_model(one).with_model(two)
    assert [each.also for each in manifest.of_repository("Org/Repo")] == ["org/repo", ""]
    assert [each.name for each in manifest.of_repository("org/repo")] == ["org/repo:Q8_0", "org/repo:Q4_0"]
