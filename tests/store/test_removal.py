"""Taking models off the disk: what goes, what stays, in our folder and in a Hugging Face cache."""

from pathlib import Path

import pytest
from huggingface_hub import scan_cache_dir

from oss_cli.catalogue import Catalogue, CatalogueEntry, load_catalogue
from oss_cli.paths import find_paths
from oss_cli.store.local import LocalStore
from oss_cli.store.removal import Removal, plan_removal, remove
from tests.store.installed_models import OLD_COMMIT, HubFolder, add_to_catalogue, sha256, small_model, split_model

XET = "ab" * 32


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hugging-face" / "hub"


def known() -> Catalogue:
    return load_catalogue(find_paths().user_models_file)


def entry_of(name: str) -> CatalogueEntry:
    entry = known().find(name)
    assert entry is not None
    return entry


def take_away(name: str) -> Removal:
    removal = plan_removal(LocalStore(find_paths(), known()), name, known().find(name))
    remove(removal)
    return removal


def test_the_last_model_of_a_repository_takes_its_folder_along(tmp_path: Path, cache: Path) -> None:
    model = small_model(tmp_path)
    add_to_catalogue(tmp_path / "oss-home", "tiny", [model])
    hub = HubFolder(cache)
    hub.add(model)
    (hub.folder / "trees").mkdir()
    (hub.folder / "trees" / "x.json").write_text("{}")
    removal = take_away("tiny")
    assert removal.freed_bytes == model.stat().st_size
    assert removal.shared == []
    assert hub.left() == []
    assert not hub.folder.exists()


def test_another_file_of_the_snapshot_stays_and_the_cache_is_sound(tmp_path: Path, cache: Path) -> None:
    model, readme = small_model(tmp_path), tmp_path / "README.md"
    readme.write_text("hello")
    add_to_catalogue(tmp_path / "oss-home", "tiny", [model])
    hub = HubFolder(cache)
    hub.add(model)
    hub.add(readme)
    assert take_away("tiny").freed_bytes == model.stat().st_size
    place = "models--org--tiny-GGUF"
    assert hub.left() == [
        f".locks/{place}/{sha256(model)}.lock",
        f"{place}/blobs/{sha256(readme)}",
        f"{place}/refs/main",
        f"{place}/snapshots/{'1' * 40}/README.md",
    ]
    found = scan_cache_dir(cache)
    assert found.warnings == []
    assert [repo.nb_files for repo in found.repos] == [1]


def test_the_same_bytes_under_another_name_are_the_model_too(tmp_path: Path, cache: Path) -> None:
    model = small_model(tmp_path)
    add_to_catalogue(tmp_path / "oss-home", "tiny", [model])
    hub = HubFolder(cache)
    hub.add(model)
    twin = hub.folder / "snapshots" / OLD_COMMIT / "copy.bin"
    twin.parent.mkdir()
    twin.symlink_to(Path("../../blobs") / sha256(model))
    removal = take_away("tiny")
    assert removal.freed_bytes == model.stat().st_size
    assert hub.left() == []


def test_the_links_of_all_snapshots_go(tmp_path: Path, cache: Path) -> None:
    model = small_model(tmp_path)
    add_to_catalogue(tmp_path / "oss-home", "tiny", [model])
    hub = HubFolder(cache)
    hub.add(model, commit=OLD_COMMIT)
    hub.link(hub.folder / "blobs" / sha256(model), "1" * 40, model.name)
    assert take_away("tiny").freed_bytes == model.stat().st_size
    assert hub.left() == []


def test_a_shared_blob_stays_while_another_repository_needs_it(tmp_path: Path, cache: Path) -> None:
    model = small_model(tmp_path)
    add_to_catalogue(tmp_path / "oss-home", "tiny", [model])
    ours, theirs = HubFolder(cache), HubFolder(cache, "other/tiny")
    ours.add(model, shared=XET)
    theirs.add(model, shared=XET)
    removal = take_away("tiny")
    assert (removal.freed_bytes, len(removal.shared)) == (0, 1)
    assert not ours.folder.exists()
    assert (theirs.folder / "snapshots" / ("1" * 40) / model.name).read_bytes() == model.read_bytes()
    assert scan_cache_dir(cache).warnings == []


def test_a_shared_blob_goes_with_its_last_repository(tmp_path: Path, cache: Path) -> None:
    model = small_model(tmp_path)
    add_to_catalogue(tmp_path / "oss-home", "tiny", [model])
    hub = HubFolder(cache)
    hub.add(model, shared=XET)
    assert take_away("tiny").freed_bytes == model.stat().st_size
    assert hub.left() == ["blobs/.huggingface-shared-blobs"]


def test_a_link_out_of_the_cache_goes_and_what_it_leads_to_stays(tmp_path: Path, cache: Path) -> None:
    model = small_model(tmp_path)
    add_to_catalogue(tmp_path / "oss-home", "tiny", [model])
    hub = HubFolder(cache)
    hub.add(model)
    blob = hub.folder / "blobs" / sha256(model)
    blob.unlink()
    blob.symlink_to(model)
    removal = take_away("tiny")
    assert (removal.freed_bytes, removal.shared) == (0, [blob])
    assert model.is_file()
    assert hub.left() == []


def test_half_a_model_and_a_broken_off_download_go_too(tmp_path: Path, cache: Path) -> None:
    parts = split_model(tmp_path)
    add_to_catalogue(tmp_path / "oss-home", "tiny", parts)
    hub = HubFolder(cache)
    hub.add(parts[0])
    partial = hub.folder / "blobs" / f"{sha256(parts[1])}.incomplete"
    partial.write_bytes(b"x" * 1000)
    removal = take_away("tiny")
    assert removal.freed_bytes == parts[0].stat().st_size + 1000
    assert hub.left() == []


def test_in_a_cache_without_links_the_files_themselves_go(tmp_path: Path, cache: Path) -> None:
    model = small_model(tmp_path)
    add_to_catalogue(tmp_path / "oss-home", "tiny", [model])
    place = cache / "models--org--tiny-GGUF" / "snapshots" / ("1" * 40) / model.name
    place.parent.mkdir(parents=True)
    place.write_bytes(model.read_bytes())
    assert take_away("tiny").freed_bytes == model.stat().st_size
    assert HubFolder(cache).left() == []


def test_a_hard_link_in_our_folder_frees_nothing_unless_the_other_name_goes_too(tmp_path: Path, cache: Path) -> None:
    model = small_model(tmp_path)
    add_to_catalogue(tmp_path / "oss-home", "tiny", [model])
    own = tmp_path / "oss-home" / "models" / "tiny.gguf"
    own.parent.mkdir()
    own.hardlink_to(model)
    assert take_away("tiny").freed_bytes == 0
    assert model.is_file() and not own.exists()
    hub = HubFolder(cache)
    hub.add(model)
    own.hardlink_to(hub.folder / "blobs" / sha256(model))
    assert take_away("tiny").freed_bytes == model.stat().st_size
    assert not own.exists() and hub.left() == []


def test_all_parts_of_a_split_model_of_our_folder_go(tmp_path: Path) -> None:
    parts = split_model(tmp_path / "oss-home" / "models", "mine")
    total = sum(part.stat().st_size for part in parts)
    assert take_away("mine").freed_bytes == total
    assert list((tmp_path / "oss-home" / "models").iterdir()) == []
