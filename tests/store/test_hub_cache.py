"""How a verified blob gets its name: by a link, else without taking it away from those who have links to it."""

from pathlib import Path

import pytest

from oss_cli.store.hub_cache import HubCache
from oss_cli.store.repository import RemoteFile
from tests.store.installed_models import COMMIT, OLD_COMMIT, HubFolder, sha256, small_model

REPOSITORY = "org/tiny-GGUF"


@pytest.fixture
def file(tmp_path: Path) -> RemoteFile:
    """A file whose blob is in the cache; an older snapshot has a link to it."""
    model = small_model(tmp_path)
    HubFolder(tmp_path / "cache").add(model, commit=OLD_COMMIT)
    return RemoteFile(model.name, model.stat().st_size, sha256(model))


def test_a_blob_that_another_snapshot_links_to_gets_a_second_name(tmp_path: Path, file: RemoteFile) -> None:
    cache = HubCache(tmp_path / "cache", has_links=False)
    placed = cache.place(REPOSITORY, COMMIT, file)
    assert placed.samefile(cache.blob(REPOSITORY, file.sha256)) and not placed.is_symlink()
    assert cache.place(REPOSITORY, COMMIT, file) == placed
    assert [path.name for path in placed.parent.iterdir()] == [file.path]


def test_a_blob_that_nobody_links_to_is_moved(tmp_path: Path, file: RemoteFile) -> None:
    cache = HubCache(tmp_path / "cache", has_links=False)
    (cache.snapshot(REPOSITORY, OLD_COMMIT) / file.path).unlink()
    assert cache.place(REPOSITORY, COMMIT, file).stat().st_size == file.bytes
    assert not cache.blob(REPOSITORY, file.sha256).exists()


def test_a_blob_that_is_a_link_itself_stays_where_it_leads_somewhere(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    hub = HubFolder(tmp_path / "cache")
    hub.add(model, commit=OLD_COMMIT, shared="ab" * 32).unlink()
    cache = HubCache(tmp_path / "cache", has_links=False)
    file = RemoteFile(model.name, model.stat().st_size, sha256(model))
    assert cache.place(REPOSITORY, COMMIT, file).read_bytes() == model.read_bytes()
