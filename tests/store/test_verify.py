"""Which hash a file should have, and what is said of one that has another."""

from pathlib import Path

from oss_cli.store.local import InstalledModel, Origin
from oss_cli.store.verify import CheckedFile, check_file, hash_file, known_hashes
from tests.store.installed_models import HubFolder, sha256, small_model, split_model


def in_our_folder(path: Path) -> InstalledModel:
    return InstalledModel(path.stem, path, None, Origin.MODELS_FOLDER)


def test_every_byte_is_read_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * 3_000_000)
    counted: list[int] = []
    assert hash_file(path, counted.append) == sha256(path)
    assert sum(counted) == 3_000_000


def test_a_file_of_the_right_bytes_is_fine(tmp_path: Path) -> None:
    path = small_model(tmp_path)
    assert check_file(path, sha256(path)) == CheckedFile(path, is_known=True)


def test_one_wrong_byte_is_found(tmp_path: Path) -> None:
    path = small_model(tmp_path)
    expected = sha256(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    problem = f"its SHA-256 is {sha256(path)}, it should be {expected}"
    assert check_file(path, expected) == CheckedFile(path, is_known=True, problem=problem)


def test_without_a_hash_a_file_that_is_cut_short_is_found(tmp_path: Path) -> None:
    path = small_model(tmp_path)
    assert check_file(path, None) == CheckedFile(path, is_known=False)
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-100])
    checked = check_file(path, None)
    assert checked.problem.startswith("is cut short: it needs ")
    assert checked.problem.endswith(f"and has {size - 100:,}")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert check_file(tmp_path / "none", "0" * 64).problem == "cannot be read: No such file or directory"


def test_the_hash_stands_in_the_name_of_a_blob(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    link = HubFolder(tmp_path / "hub").add(model)
    assert known_hashes(in_our_folder(link)) == [(link, sha256(model))]
    ollama = tmp_path / f"sha256-{sha256(model)}"
    ollama.write_bytes(model.read_bytes())
    link = tmp_path / "mine.gguf"
    link.symlink_to(ollama)
    assert known_hashes(in_our_folder(link)) == [(link, sha256(model))]


def test_the_name_of_a_shared_blob_is_no_sha256_and_is_not_taken_for_one(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    link = HubFolder(tmp_path / "hub").add(model, shared="cd" * 32)
    assert known_hashes(in_our_folder(link)) == [(link, sha256(model))]


def test_every_part_of_a_split_model_is_listed(tmp_path: Path) -> None:
    parts = split_model(tmp_path)
    assert known_hashes(in_our_folder(parts[0])) == [(parts[0], None), (parts[1], None)]
