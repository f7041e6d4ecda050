"""Models that `oss pull` is asked for, and what it says."""

from pathlib import Path

from tests.fakes.fake_hub import StoredFile
from tests.harness import Result

NAME = "org/model-GGUF"


def error_of(result: Result) -> str:
    """What stands on stderr from the error on: the machine's numbers before it differ."""
    return result.stderr[result.stderr.index("error:") :]


def own_model(name: str, repository: str, revision: str, file: StoredFile, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'[models."{name}"]\nrepository = "{repository}"\nrevision = "{revision}"\n'
        f'files = [{{ name = "{file.path}", bytes = {file.bytes}, sha256 = "{file.sha256}" }}]\n'
    )
