"""What lies in our models folder and is no whole model: links that lead nowhere, split models that lack parts."""

import errno
from dataclasses import dataclass
from pathlib import Path

from oss_cli.store.at_path import bytes_at, found_in, is_file, is_link, is_there
from oss_cli.store.model_files import own_name, part_of


@dataclass(frozen=True, slots=True)
class BrokenModel:
    """One of them."""

    name: str
    files: tuple[Path, ...]
    """Those that are there; of a split model, in order."""
    problem: str
    """What is wrong, to be said of the first file."""

    @property
    def path(self) -> Path:
        """The first file."""
        return self.files[0]

    @property
    def bytes(self) -> int:
        """What is on the disk."""
        return sum(bytes_at(path) or 0 for path in self.files)


def find_broken(folder: Path) -> list[BrokenModel]:
    """The broken models of a folder, by name."""
    broken: list[BrokenModel] = []
    groups: dict[tuple[str, int], list[Path]] = {}
    for path in found_in(folder, "*.gguf"):
        part = part_of(path)
        if part is not None:
            groups.setdefault((part.stem, part.count), []).append(path)
        elif is_link(path) and not is_there(path):
            broken.append(BrokenModel(path.stem, (path,), _lost(path)))
    for (_, count), paths in groups.items():
        here = {part.number for path in paths if is_file(path) and (part := part_of(path)) is not None}
        missing = [str(number) for number in range(1, count + 1) if number not in here]
        if missing:
            problem = f"is not complete: of its {count} parts {_listed(missing)} missing"
            broken.append(BrokenModel(own_name(paths[0]), tuple(paths), problem))
    return sorted(broken, key=lambda one: one.name)


def _lost(link: Path) -> str:
    try:
        link.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "is a link that leads back to itself"
        if isinstance(error, PermissionError):
            return f"is a link to {link.readlink()}, which cannot be opened"
    return f"is a link to {link.readlink()}, which is gone"


def _listed(numbers: list[str]) -> str:
    if len(numbers) > 8:
        return f"{len(numbers)} are"
    return f"{', '.join(numbers[:-1])} and {numbers[-1]} are" if len(numbers) > 1 else f"{numbers[0]} is"
