"""The user's own models.toml, laid over ours."""

from dataclasses import replace
from pathlib import Path

import pytest

from oss_cli.catalogue import Catalogue, CatalogueEntry, FormatName, load_catalogue
from oss_cli.conversation.options import SamplingOptions
from oss_cli.errors import BadCatalogue, ExitCode

OURS = load_catalogue(None)
SHA = "0" * 64


def load(folder: Path, text: str) -> Catalogue:
    file = folder / "models.toml"
    file.write_text(text, encoding="utf-8")
    return load_catalogue(file)


def found(catalogue: Catalogue, name: str) -> CatalogueEntry:
    entry = catalogue.find(name)
    assert entry is not None
    return entry


def test_a_file_that_is_not_there_changes_nothing(tmp_path: Path) -> None:
    assert load_catalogue(tmp_path / "models.toml") == OURS


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "") == OURS


def test_a_model_on_this_disk_comes_after_ours(tmp_path: Path) -> None:
    catalogue = load(tmp_path, '[models.mine]\npath = "weights/mine.gguf"\naliases = ["m"]\nformat = "plain"')
    mine = CatalogueEntry("mine", ("m",), "mine", path=tmp_path / "weights/mine.gguf", format=FormatName.PLAIN)
    assert catalogue.entries == (*OURS.entries, mine)
    assert catalogue.find("M") == mine


def test_a_path_may_begin_with_the_home_folder(tmp_path: Path) -> None:
    assert found(load(tmp_path, '[models.mine]\npath = "~/mine.gguf"'), "mine").path == Path.home() / "mine.gguf"


def test_single_fields_of_our_entries_can_be_changed(tmp_path: Path) -> None:
    text = '[models.GPT-oss-20b]\naliases = ["big"]\nsampling = { temperature = 0.5 }'
    ours = found(OURS, "gpt-oss-20b")
    changed = found(load(tmp_path, text), "big")
    assert changed == replace(
        ours, aliases=(*ours.aliases, "big"), sampling=SamplingOptions(temperature=0.5).over(ours.sampling)
    )


def test_another_source_drops_what_was_said_of_our_file(tmp_path: Path) -> None:
    entry = found(load(tmp_path, '[models.qwen3-8b]\npath = "/models/q.gguf"'), "qwen3-8b")
    assert (entry.repository, entry.files, entry.shape, entry.checked) == (None, (), None, False)
    assert (entry.path, entry.title) == (Path("/models/q.gguf"), "Qwen3 8B")


def test_a_name_of_the_users_own_wins_over_our_alias(tmp_path: Path) -> None:
    catalogue = load(tmp_path, '[models.gpt-oss]\npath = "mine.gguf"')
    assert found(catalogue, "gpt-oss").name == "gpt-oss"
    assert "gpt-oss" not in found(catalogue, "gpt-oss-20b").aliases


def test_an_alias_of_ours_can_be_moved_to_another_model(tmp_path: Path) -> None:
    moved = load(tmp_path, '[models.gpt-oss-120b]\naliases = ["GPT-OSS"]')
    assert found(moved, "gpt-oss").name == "gpt-oss-120b"
    listed = load(tmp_path, '[aliases]\ngpt-oss = "gpt-oss-120b"\nfast = "qwen3"')
    assert found(listed, "gpt-oss").name == "gpt-oss-120b"
    assert found(listed, "fast").aliases == ("qwen3", "qwen3:8b", "fast")
    assert "gpt-oss" not in found(listed, "gpt-oss-20b").aliases


def test_the_defaults_of_an_architecture_can_be_changed(tmp_path: Path) -> None:
    catalogue = load(tmp_path, "[architectures.gpt-oss.sampling]\ntop_k = 0")
    assert catalogue.defaults_for("gpt-oss").sampling.top_k == 0
    assert catalogue.defaults_for("gpt-oss").format == FormatName.HARMONY
    assert found(catalogue, "gpt-oss-120b").sampling.top_k == 0


def own(body: str) -> str:
    return f"[models.m]\nrepository = 'a/b'\nfiles = [{{name = 'm.gguf', bytes = 1, sha256 = '{SHA}'}}]\n{body}"


MALFORMED = {
    "not TOML": ("[models", "not TOML: Expected ']' at the end of a table declaration (at end of document)"),
    "not TOML, later": (
        "[models.m]\npath = 'x'\ntitle 'x'",
        "not TOML: Expected '=' after a key in a key/value pair (at line 3, column 7)",
    ),
    "unknown section": ("[model.m]\npath = 'x'", "model: unknown; did you mean models?"),
    "section of the wrong kind": ("models = 3", "models: needs a table, not 3"),
    "model of the wrong kind": ("models.m = 'x'", "models: m: needs a table, not 'x'"),
    "no source": (
        "[models.m]\ntitle = 'x'",
        "m: repository: missing: a model comes from a repository, a package or a path",
    ),
    "two sources": (
        "[models.m]\nrepository = 'a/b'\npath = 'x'",
        "m: path: there is a repository as well: a model comes from one place",
    ),
    "no owner": (own("").replace("a/b", "b"), "m: repository: needs OWNER/NAME, not 'b'"),
    "no files": ("[models.m]\nrepository = 'a/b'", "m: files: missing"),
    "unknown field": (own("licens = 'MIT'"), "m: licens: unknown; did you mean licence?"),
    "very unknown field": (
        "[models.m]\npath = 'x'\nfiles = [{ zzz = 1 }]",
        "m: files[0].zzz: unknown; known here: name, bytes, sha256",
    ),
    "text for a number": (
        own("").replace("bytes = 1", "bytes = 'many'"),
        "m: files[0].bytes: needs a whole number, not 'many'",
    ),
    "true for a number": (
        own("[models.m.sampling]\ntop_k = true"),
        "m: sampling.top_k: needs a whole number, not true",
    ),
    "number for a text": (own("title = 3"), "m: title: needs a text, not 3"),
    "long value": (own(f"aliases = '{'x' * 99}'"), f"m: aliases: needs a list, not '{'x' * 36}..."),
    "list for a text": (own("title = []"), "m: title: needs a text, not a list"),
    "text for a flag": (own("checked = 'yes'"), "m: checked: needs true or false, not 'yes'"),
    "number in a list of texts": (own("aliases = ['x', 3]"), "m: aliases[1]: needs a text, not 3"),
    "empty text": (own("title = ' '"), "m: title: is empty"),
    "empty alias": (own("aliases = ['']"), "m: aliases[0]: is empty"),
    "empty file": (own("").replace("bytes = 1", "bytes = 0"), "m: files[0].bytes: needs a number of at least 1, not 0"),
    "missing in a file": (own("").replace("bytes = 1, ", ""), "m: files[0].bytes: missing"),
    "short hash": (
        own("").replace(SHA, "abc"),
        "m: files[0].sha256: needs 64 hexadecimal digits, not 3 characters 'abc'...",
    ),
    "hash of other letters": (
        own("").replace(SHA, "x" * 64),
        "m: files[0].sha256: needs 64 hexadecimal digits, not 64 characters 'xxxxxxxxxxxx'...",
    ),
    "older release without revision": (own("also = [{ files = [] }]"), "m: also[0].revision: missing"),
    "unknown format": (own("format = 'chatml'"), "m: format: needs one of harmony, template, plain, not 'chatml'"),
    "sampling out of bounds": (
        own("sampling = { top_p = 1.5 }"),
        "m: sampling.top_p: needs a number from 0 to 1, not 1.5",
    ),
    "sampling that is no number": (
        own("sampling = { temperature = nan }"),
        "m: sampling.temperature: needs a number from 0 to 100, not nan",
    ),
    "unknown sampling": (
        own("sampling = { temprature = 1 }"),
        "m: sampling.temprature: unknown; did you mean temperature?",
    ),
    "missing in the shape": (own("shape = { architecture = 'llama' }"), "m: shape.layers: missing"),
    "shape of ours": (
        "[models.gpt-oss-20b.shape]\nlayers = 0",
        "gpt-oss-20b: shape.layers: needs a number of at least 1, not 0",
    ),
    "pattern": (
        "[models.gpt-oss-20b.shape]\nwindow_pattern = [1, 0]",
        "gpt-oss-20b: shape.window_pattern[0]: needs true or false, not 1",
    ),
    "alias of two": (
        "[models.a]\npath = 'x'\naliases = ['z']\n[models.b]\npath = 'y'\naliases = ['Z']",
        "b: aliases: 'Z' is already an alias of a",
    ),
    "alias that is a name": (
        own("aliases = ['gpt-oss-20B']"),
        "m: aliases: 'gpt-oss-20B' is already the name of gpt-oss-20b",
    ),
    "one name twice": (own("[models.M]\npath = 'x'"), "M: is the same name as m"),
    "name with a space": (
        "[models.'my model']\npath = 'x'",
        "my model: 'my model' is no name: it may not be empty, hold spaces or begin with a dash",
    ),
    "alias like an option": (
        own("aliases = ['-m']"),
        "m: aliases[0]: '-m' is no name: it may not be empty, hold spaces or begin with a dash",
    ),
    "alias of nothing": ("[aliases]\nfast = 'gpt-9'", "aliases: fast: no model is called 'gpt-9'"),
    "alias over a name": ("[aliases]\ngpt-2 = 'qwen3'", "aliases: gpt-2: is the name of a model"),
    "alias of the wrong kind": ("[aliases]\nfast = 1", "aliases: fast: needs a text, not 1"),
    "architecture": ("[architectures.llama]\nformat = 3", "architectures.llama: format: needs a text, not 3"),
    "home of nobody": (
        "[models.m]\npath = '~nobody-of-that-name/x'",
        "m: path: '~nobody-of-that-name/x' begins with the home of somebody unknown",
    ),
}


@pytest.mark.parametrize(("text", "cause"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_file_is_told_by_entry_and_field(tmp_path: Path, text: str, cause: str) -> None:
    with pytest.raises(BadCatalogue) as caught:
        load(tmp_path, text)
    assert caught.value.message == f"{tmp_path / 'models.toml'} cannot be read"
    assert caught.value.cause == cause
    assert caught.value.exit_code == ExitCode.SETTINGS


def test_a_file_that_is_not_text_is_told_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_bytes(b"[models]\n\xff")
    with pytest.raises(BadCatalogue) as caught:
        load_catalogue(tmp_path / "models.toml")
    assert caught.value.cause == "not UTF-8 text at byte 9"


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadCatalogue) as caught:
        load_catalogue(tmp_path)
    assert caught.value.cause == "Is a directory"
