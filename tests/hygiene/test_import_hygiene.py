"""What an import costs a user: measured in fresh interpreters, from ``sys.modules``."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "numpy",
    "torch",
    "textual",
    "rich",
    "msgspec",
    "pydantic",
    "psutil",
    "omegaconf",
    "asyncio",
    "pynvml",
)


def modules_after(statement: str, *, cwd: Path) -> set[str]:
    """Top-level names in sys.modules after a statement ran in a fresh interpreter."""
    code = f"import sys\n{statement}\nprint('\\n'.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, check=True)
    return set(done.stdout.split())


def test_importing_the_library_loads_the_standard_library_alone(tmp_path: Path) -> None:
    loaded = modules_after("import guardrun; guardrun.start", cwd=tmp_path)

    assert loaded.isdisjoint({*HEAVY, "orjson", "dataclasses"}), loaded & {*HEAVY, "orjson", "dataclasses"}


def test_a_run_of_plain_numbers_loads_orjson_and_nothing_heavy(tmp_path: Path) -> None:
    statement = "import guardrun\nwith guardrun.start() as run:\n  run.log(loss=1.0)"

    loaded = modules_after(statement, cwd=tmp_path)

    assert "orjson" in loaded
    assert loaded.isdisjoint({"numpy", "torch", "textual", "rich", "pydantic", "omegaconf"})


@pytest.mark.parametrize("arguments", [["--help"], ["ls", "."]], ids=["help", "ls"])
def test_quick_commands_load_neither_textual_nor_torch(arguments: list[str], tmp_path: Path) -> None:
    statement = (
        "from guardrun.cli.main import main\n"
        f"sys.argv = ['guard', *{arguments!r}]\n"
        "sys.stdout, out = open('/dev/null', 'w'), sys.stdout\n"
        "try:\n  main()\nexcept SystemExit:\n  pass\n"
        "sys.stdout = out"
    )

    loaded = modules_after(statement, cwd=tmp_path)

    assert loaded.isdisjoint({"textual", "torch", "rich", "omegaconf"})


def test_the_hygiene_check_sees_an_import(tmp_path: Path) -> None:
    """A check that can't fail proves nothing."""
    assert "numpy" in modules_after("import numpy", cwd=tmp_path)


def test_import_rules_hold_and_a_breach_is_found(tmp_path: Path) -> None:
    """lint-imports passes on the tree, and fails once the core imports the dashboard's toolkit."""
    for folder in ("runner", "tui"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    assert _lint_imports(tmp_path).returncode == 0, _lint_imports(tmp_path).stdout

    fold = tmp_path / "runner/guardrun/state/fold.py"
    fold.write_text(fold.read_text() + "\nimport textual  # noqa\n")
    breached = _lint_imports(tmp_path)
    assert breached.returncode == 1
    assert "guardrun.state.fold" in breached.stdout


def _lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    code = (
        f"import sys; sys.path[:0] = [{str(root / 'runner')!r}, {str(root / 'tui')!r}]\n"
        "from importlinter.cli import lint_imports_command\nlint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], capture_output=True, text=True, cwd=root, check=False
    )
