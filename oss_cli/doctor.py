"""Looks at everything that `oss doctor` tells of: asks the system, llama.cpp, the disks and the Hub.

Beside `wiring` the other module that knows several rooms. What the findings mean is said in `machine/checkup.py`.
"""

import os
import platform
import shlex
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

from oss_cli import wiring
from oss_cli.catalogue import Catalogue, load_catalogue
from oss_cli.errors import BadCatalogue, BadSettings, EngineFailed
from oss_cli.http import HttpClient, HttpTrouble
from oss_cli.machine.checkup import Build, Checkup, Finding, HubAnswer, ModelFit, Place, Python
from oss_cli.machine.fit import fit
from oss_cli.machine.graphics import Advice, advise, find_system_gpus, has_avx2
from oss_cli.machine.probe import probe_machine
from oss_cli.paths import Paths, find_paths
from oss_cli.plan import Machine
from oss_cli.settings import unknown_settings
from oss_cli.store.at_path import is_there
from oss_cli.store.hub import find_token
from oss_cli.store.local import LocalStore

_HUB_TIMEOUT_S = 3.0


def check_up() -> Checkup:
    """Look at everything; keeps the probe on disk. Takes up to 3 s for the Hub and 3 s for nvidia-smi."""
    paths, catalogue, findings = _look_at_settings()
    build, machine = _look_at_build()
    store = LocalStore(paths, catalogue)
    system_gpus = find_system_gpus()
    if not build.problem:
        wiring.keep_probe(machine)
    return Checkup(
        python=Python(platform.python_version(), sys.executable, platform.platform()),
        build=build,
        machine=machine,
        system_gpus=system_gpus,
        advice=advise(system_gpus),
        has_avx2=has_avx2(),
        places=_look_at_places(paths),
        hub=_ask_hub(),
        has_token=find_token() is not None,
        models=_fit_models(machine, catalogue, store),
        settings=(*findings, *_look_for_closed(store)),
    )


def _look_at_settings() -> tuple[Paths, Catalogue, tuple[Finding, ...]]:
    """Where things are and which models are known; where the user's files cannot be used, as they would be without."""
    paths, catalogue, findings = find_paths(), None, []
    try:
        findings += [Finding(sentence, "oss config edit") for sentence in unknown_settings(paths.config_file)]
        paths = wiring.find_places()
    except BadSettings as error:
        findings.append(Finding(_sentence(error), error.hint or "oss config path"))
    try:
        catalogue = wiring.open_catalogue()
    except BadCatalogue as error:
        findings.append(Finding(_sentence(error), _edit_command(paths.user_models_file)))
    return paths, catalogue or load_catalogue(None), tuple(findings)


def _look_for_closed(store: LocalStore) -> list[Finding]:
    return [Finding(f"{one.path} cannot be read: {one.reason}", one.command) for one in store.closed()]


def _sentence(error: BadSettings) -> str:
    return f"{error.message}: {error.cause}" if error.cause else error.message


def _edit_command(path: Path) -> str:
    if os.name == "nt":
        return f'notepad "{path}"'
    return f"{os.environ.get('VISUAL') or os.environ.get('EDITOR') or 'vi'} {shlex.quote(str(path))}"


def _look_at_build() -> tuple[Build, Machine]:
    machine = probe_machine()
    try:
        from oss_cli.engine.llama import devices  # where llama.cpp cannot be loaded, this is what says so
    except EngineFailed as error:
        problem = f"{error.message}: {error.cause}"
        cure = Advice("cpu", "").command(sys.executable, "")
        return Build("", (), can_offload=False, problem=problem, cure=cure), machine
    features = devices.list_features()
    machine = replace(machine, gpus=devices.list_gpus(), features=features)
    return Build(devices.build_version(), features, devices.can_offload()), machine


def _look_at_places(paths: Paths) -> tuple[Place, ...]:
    folders = {
        "downloads": paths.hub_cache,
        "own models": paths.models,
        "settings": paths.config_file,
        "cache": paths.cache,
    }
    return tuple(Place(label, str(folder), _free_bytes(folder)) for label, folder in folders.items())


def _free_bytes(path: Path) -> int | None:
    """Free space where a folder is, or will be."""
    existing = next((folder for folder in (path, *path.parents) if is_there(folder)), None)
    try:
        return shutil.disk_usage(existing).free if existing is not None else None
    except OSError:
        return None


def _ask_hub() -> HubAnswer:
    try:
        endpoint = wiring.hub_endpoint()
    except BadSettings as error:
        return HubAnswer("the Hub", None, problem=f"{error.message}: {error.cause}")
    try:
        switch = wiring.find_offline_switch()
    except BadSettings:
        return HubAnswer(endpoint, None, not_asked="the settings cannot be used, and may forbid the network")
    if switch is not None:
        return HubAnswer(endpoint, None, not_asked=f"{switch} forbids the network")
    client = HttpClient(1, read_timeout_s=_HUB_TIMEOUT_S)
    started = time.monotonic()
    try:
        with client.get(f"{endpoint}/api/models?limit=1", {}) as answer:
            took = time.monotonic() - started
            problem = f"it answers HTTP {answer.status}" if answer.status >= 500 else ""
    except HttpTrouble as trouble:
        return HubAnswer(endpoint, None, problem=trouble.reason)
    finally:
        client.close()
    return HubAnswer(endpoint, None if problem else took, problem=problem)


def _fit_models(machine: Machine, catalogue: Catalogue, store: LocalStore) -> tuple[ModelFit, ...]:
    return tuple(
        ModelFit(entry.name, entry.total_bytes, store.find(entry) is not None, fit(entry.shape, machine))
        for entry in catalogue
        if entry.shape is not None
    )
