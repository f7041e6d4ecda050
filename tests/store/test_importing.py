"""Bringing files in: by which way, under which name, and what is refused."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from oss_cli.catalogue import load_catalogue
from oss_cli.catalogue.entries import ModelFile
from oss_cli.errors import BadModelFile, BadUsage, CannotWrite
from oss_cli.store.elsewhere import find_elsewhere
from oss_cli.store.importing import Method, default_name, examine, place, recognise
from tests.store.installed_models import add_to_catalogue, sha256, small_model, split_model


def nothing(count: int) -> None:
    del count


def test_on_one_disk_a_hard_link_is_chosen(tmp_path: Path) -> None:
    model = small_model(tmp_path / "usb")
    imported = place(examine(model), tmp_path / "models", "mine", None, nothing)
    assert imported.method is Method.HARD_LINK
    assert imported.files == (tmp_path / "models" / "mine.gguf",)
    assert imported.files[0].samefile(model)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["mine.gguf"]


def refuse(error: int) -> Callable[[Path, Path], None]:
    """The system's call for a hard link, where that cannot be."""

    def link(origin: Path, place: Path) -> None:
        raise OSError(error, os.strerror(error), origin, None, place)

    return link


def test_from_another_disk_the_bytes_are_copied(tmp_path: Path) -> None:
    model = small_model(tmp_path / "usb")
    counted: list[int] = []
    imported = place(examine(model), tmp_path / "models", "mine", None, counted.append, hard_link=refuse(errno.EXDEV))
    assert imported.method is Method.COPY
    assert not imported.files[0].samefile(model)
    assert imported.files[0].read_bytes() == model.read_bytes()
    assert sum(counted) == model.stat().st_size
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["mine.gguf"]


def test_a_file_of_another_user_gets_a_symbolic_link(tmp_path: Path) -> None:
    model = small_model(tmp_path / "usb")
    imported = place(examine(model), tmp_path / "models", "mine", None, nothing, hard_link=refuse(errno.EPERM))
    assert (imported.method, imported.files[0].readlink()) == (Method.SYMLINK, model)


def test_a_split_model_comes_whole_whichever_part_is_named(tmp_path: Path) -> None:
    parts = split_model(tmp_path / "usb")
    source = examine(parts[1])
    assert source.files == tuple(parts)
    imported = place(source, tmp_path / "models", "mine", Method.SYMLINK, nothing)
    names = ["mine-00001-of-00002.gguf", "mine-00002-of-00002.gguf"]
    assert [path.name for path in imported.files] == names
    assert [path.readlink() for path in imported.files] == parts


def test_half_an_import_leaves_nothing(tmp_path: Path) -> None:
    source = examine(split_model(tmp_path / "usb")[0])
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine-00002-of-00002.gguf").write_text("in the way")
    with pytest.raises(CannotWrite):
        place(source, tmp_path / "models", "mine", Method.HARD_LINK, nothing)
    assert not (tmp_path / "models" / "mine-00001-of-00002.gguf").exists()
    assert (tmp_path / "models" / "mine-00002-of-00002.gguf").read_text() == "in the way"


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    parts = split_model(tmp_path)
    parts[1].unlink()
    with pytest.raises(BadModelFile) as caught:
        examine(parts[0])
    assert caught.value.cause == "missing of its 2 parts: tiny-Q8_0-00002-of-00002.gguf"


def test_a_link_that_leads_nowhere_any_more_is_replaced(tmp_path: Path) -> None:
    model = small_model(tmp_path / "usb")
    target = tmp_path / "models" / "mine.gguf"
    target.parent.mkdir()
    target.symlink_to(tmp_path / "gone")
    place(examine(model), tmp_path / "models", "mine", Method.SYMLINK, nothing)
    assert target.readlink() == model


def test_a_known_model_is_recognised_by_its_bytes(tmp_path: Path) -> None:
    model = small_model(tmp_path, "whatever.gguf")
    add_to_catalogue(tmp_path, "tiny", [model])
    catalogue = load_catalogue(tmp_path / "models.toml")
    entry, source = recognise(examine(model), catalogue, nothing)
    assert source.hashes == (sha256(model),)
    assert entry is not None and entry.name == "tiny"
    data = bytearray(model.read_bytes())
    data[-1] ^= 1
    model.write_bytes(data)
    assert recognise(examine(model), catalogue, nothing)[0] is None


def test_files_without_a_known_size_are_not_even_hashed(tmp_path: Path) -> None:
    counted: list[int] = []
    assert recognise(examine(small_model(tmp_path)), load_catalogue(None), counted.append)[0] is None
    assert counted == []


def test_an_ollama_blob_is_found_by_its_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    model = small_model(tmp_path)
    blob = tmp_path / "ollama" / "blobs" / f"sha256-{sha256(model)}"
    blob.parent.mkdir(parents=True)
    model.rename(blob)
    file = ModelFile("tiny.gguf", blob.stat().st_size, sha256(blob))
    assert find_elsewhere(file) == blob
    assert find_elsewhere(ModelFile("tiny.gguf", 1, sha256(blob))) is None


def test_a_blob_without_a_name_in_its_header_has_to_be_given_one(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    blob = model.rename(tmp_path / f"sha256-{sha256(model)}")
    with pytest.raises(BadUsage) as caught:
        default_name(examine(blob))
    assert caught.value.hint == f"oss import {blob} --name NAME"
