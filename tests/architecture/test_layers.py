"""The walls: which room may import which, and which module owns which library."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "oss_cli"

VALUES = {"errors", "plan", "conversation", "durations"}  # anyone may import these

# Every room has a row: a new folder fails here until someone decides where it belongs.
# fmt: off
MAY_IMPORT: dict[str, set[str]] = {
    "__init__": set(),
    "__main__": {"cli", "terminal", "paths"},
    "cli": {
        "toml_file", "doctor", "wiring", "repl", "session", "terminal", "catalogue", "store", "machine", "settings",
        "paths", "attachments", "history", "backends.base", "batch", "templates", "states", "bench", "server",
        "server_settings", "holders",
    },
    "batch": {"session", "backends.base", "grammar"},
    "server": {"backends.base", "grammar"},
    "repl": {"session", "terminal", "attachments", "backends.base"},
    "wiring": {
        "own_models", "session", "backends", "prompts", "engine", "store", "machine", "catalogue", "settings", "paths",
        "attachments", "history", "templates", "grammar", "states", "bench.results",
        "server_settings", "http", "holders",
    },
    "bench": {"engine", "machine"},
    "doctor": {"wiring", "catalogue", "engine", "machine", "settings", "store", "http", "paths"},
    "session": {"backends.base"},
    "history": {"paths"},
    "backends": {"prompts", "engine", "grammar", "http", "holders"},
    "holders": {"store.locks"},
    "grammar": set(),
    "prompts": set(),
    "engine": {"states"},
    "states": set(),
    "store": {"catalogue", "paths", "http", "json_file"},
    "machine": {"json_file"},
    "catalogue": {"own_text"},
    "terminal": {"catalogue", "store", "machine", "bench.results"},
    "settings": {"own_text", "paths", "setting_rules", "server_settings"},
    "server_settings": {"setting_rules"},
    "setting_rules": {"paths"},
    "own_text": set(),
    "toml_file": {"own_text"},
    "attachments": set(),
    "own_models": {"catalogue", "toml_file"},
    "templates": {"own_text", "settings", "toml_file"},
    "paths": set(),
    "conversation": set(),
    "plan": set(),
    "json_file": set(),
    "durations": set(),
    "http": set(),
    "errors": set(),
}
# fmt: on

OWNERS = {
    "typer": "cli",
    "rich": "terminal",
    "markdown_it": "terminal.markdown",
    "pygments": "terminal.markdown",
    "prompt_toolkit": "repl.prompt",
    "llama_cpp": "engine.llama",
    "huggingface_hub": "store.hub",
    "filelock": "store.locks",
    "httpx2": "http",
    "jinja2": "prompts.template",
    "platformdirs": "paths",
    "tomlkit": "toml_file",
    "charset_normalizer": "attachments.decoding",
    "jsonschema": "grammar.validation",
    "starlette": "server",
    "uvicorn": "server",
    "sse_starlette": "server",
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imported_names(path: Path) -> Iterator[str]:
    """Dotted name of everything a file imports, inside functions and TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: write imports in full, from oss_cli"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_inside(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    module = dotted(path)
    room = module.partition(".")[0]
    allowed = MAY_IMPORT[room] | VALUES | {room, "__version__"}
    for name in imported_names(path):
        library, _, rest = name.partition(".")
        if library == "oss_cli" and rest:
            assert any(is_inside(rest, one) for one in allowed), f"{module} may not import {rest}"
        elif library in OWNERS:
            assert is_inside(module, OWNERS[library]), f"only {OWNERS[library]} may import {library}"


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_a_late_import_outside_the_front_gives_its_reason(path: Path) -> None:
    module = dotted(path)
    if is_inside(module, "wiring") or is_inside(module, "cli"):
        return  # their bodies import what they need: that is their job
    lines = path.read_text("utf-8").splitlines()
    tree = ast.parse("\n".join(lines))
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        for node in ast.walk(function):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                beside = lines[node.lineno - 2] + lines[node.lineno - 1]
                assert "#" in beside, f"{module}:{node.lineno}: a late import says what it saves"


def test_every_room_of_the_table_exists() -> None:
    rooms = {dotted(path).partition(".")[0] for path in modules()}
    assert set(MAY_IMPORT) == rooms
