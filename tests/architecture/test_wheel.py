"""A built wheel in an empty environment has the catalogue inside."""

import json
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_catalogue_reaches_an_installed_wheel(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(ROOT)],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = (tmp_path / "dist").glob("oss_cli-*.whl")
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel], check=True, timeout=100
    )
    program = (
        "import json, oss_cli, oss_cli.catalogue as c\n"
        "print(json.dumps([oss_cli.__file__, [entry.name for entry in c.load_catalogue(None)]]))"
    )
    child = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    where, names = json.loads(child.stdout)
    assert Path(where).is_relative_to(tmp_path / "empty")
    assert {"gpt-oss-20b", "gpt-oss-120b", "smollm2-135m"} <= set(names)
