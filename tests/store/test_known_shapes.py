"""Shapes that are read out of headers no more than once."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from oss_cli.store.gguf import readable_shape
from oss_cli.store.known_shapes import known_shape


def test_a_shape_is_read_once_and_again_when_the_file_is_another(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    model, kept = tmp_path / "model.gguf", tmp_path / "cache" / "shapes.json"
    shutil.copy(tiny_gpt_oss, model)
    shape = readable_shape(model)
    assert shape is not None and known_shape(model, kept) == shape
    assert kept.stat().st_mode & 0o777 == 0o600 or os.name == "nt"

    told = json.loads(kept.read_text())
    told["shapes"][0]["shape"]["layers"] = 99  # what is read now comes from there
    kept.write_text(json.dumps(told))
    known = known_shape(model, kept)
    assert known is not None and known.layers == 99 and known.window_pattern == shape.window_pattern

    with model.open("ab") as file:
        file.write(b"\0")
    assert known_shape(model, kept) == shape
    assert len(json.loads(kept.read_text())["shapes"]) == 1


def test_what_cannot_be_used_of_what_is_kept_is_read_anew(tiny_gpt_oss: Path, tmp_path: Path) -> None:
    kept = tmp_path / "shapes.json"
    shape = readable_shape(tiny_gpt_oss)
    assert known_shape(tiny_gpt_oss, kept) == shape
    good = json.loads(kept.read_text())
    spoilers: list[Callable[[Any], object]] = [
        lambda value: value["shapes"][0]["shape"].pop("layers"),
        lambda value: value["shapes"][0]["shape"].update(layers="2"),
        lambda value: value["shapes"][0]["shape"].update(wings=2),
        lambda value: value["shapes"][0].update(shape=[]),
        lambda value: value["shapes"].insert(0, "rubbish"),
        lambda value: value.update(version=99),
        lambda value: value.clear(),
    ]
    for spoil in spoilers:
        value = json.loads(json.dumps(good))
        spoil(value)
        kept.write_text(json.dumps(value))
        assert known_shape(tiny_gpt_oss, kept) == shape
    for text in ("", "[" * 100_000, "[]", "\0"):
        kept.write_text(text)
        assert known_shape(tiny_gpt_oss, kept) == shape


def test_a_file_that_tells_no_shape_is_not_kept_and_a_place_that_cannot_be_written_hurts_nobody(
    tiny_gpt_oss: Path, tmp_path: Path
) -> None:
    (tmp_path / "no.gguf").write_bytes(b"GGUF")
    assert known_shape(tmp_path / "no.gguf", tmp_path / "shapes.json") is None
    assert known_shape(tmp_path / "gone.gguf", tmp_path / "shapes.json") is None
    assert not (tmp_path / "shapes.json").exists()
    (tmp_path / "file").write_text("")
    assert known_shape(tiny_gpt_oss, tmp_path / "file" / "shapes.json") == readable_shape(tiny_gpt_oss)
