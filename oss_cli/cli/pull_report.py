"""What `oss pull --json` says: one object with the same keys whatever happened, also before an error. See README.md."""

import json
from typing import TYPE_CHECKING

from oss_cli import wiring

if TYPE_CHECKING:
    from oss_cli.store.local import InstalledModel
    from oss_cli.store.pull import PulledModel, PullPlan
    from oss_cli.terminal.console import Console


def describe_plan(
    plan: "PullPlan", fits: bool | None, fit: str, pulled: "PulledModel | None" = None
) -> dict[str, object]:
    """What is to be fetched, or was."""
    missing = {file.path for file in plan.missing} if pulled is None else set()
    files = [(file.path, file.bytes, file.sha256, file.path not in missing) for file in plan.files]
    return {
        "name": plan.name,
        "repository": plan.repository,
        "commit": plan.commit,
        "files": [_file(*file) for file in files],
        "total_bytes": plan.total_bytes,
        "missing_bytes": plan.missing_bytes if pulled is None else 0,
        "free_bytes": plan.free_bytes,
        "folder": str(plan.folder),
        "fits": fits,
        "fit": fit,
        "paths": [str(path) for path in pulled.paths] if pulled is not None else [],
        "older": pulled.older.name if pulled is not None and pulled.older is not None else None,
    }


def describe_here(model: "InstalledModel") -> dict[str, object]:
    """A model that need not be fetched."""
    from oss_cli.store.verify import known_hashes

    place = wiring.download_place()
    record, entry = model.record, model.entry
    hashes = known_hashes(model)
    names = [file.path for file in record.files] if record is not None else [path.name for path, _ in hashes]
    sizes = [path.stat().st_size for path, _ in hashes]
    fits, fit = wiring.describe_installed_fit(model)
    return {
        "name": model.name,
        "repository": (record.repository if record is not None else entry.repository if entry is not None else "")
        or None,
        "commit": (record.commit if record is not None else "") or None,
        "files": [
            _file(name, size, sha256, is_here=True)
            for name, size, (_, sha256) in zip(names, sizes, hashes, strict=True)
        ],
        "total_bytes": sum(sizes),
        "missing_bytes": 0,
        "free_bytes": place.free_bytes(),
        "folder": str(place.folder),
        "fits": fits,
        "fit": fit,
        "paths": [str(path) for path, _ in hashes],
        "older": None,
    }


def write_json(console: "Console", report: dict[str, object]) -> None:
    """One line on standard output."""
    console.out.write(json.dumps(report, ensure_ascii=False, sort_keys=True) + "\n")


def _file(path: str, size: int, sha256: str | None, is_here: bool) -> dict[str, object]:
    return {"path": path, "bytes": size, "sha256": sha256, "here": is_here}
