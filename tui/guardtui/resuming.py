"""Take up a run that is over: ``guard run --resume`` as a process that outlives the dashboard."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, NamedTuple

from guardrun.events.paths import RunPaths
from guardrun.events.untrusted import read_object
from guardtui.text import clean

_MOST_BYTES: Final = 8 * 1024 * 1024
_PATIENCE_S: Final = 300.0
"""Every hash of the checkpoint is checked, which takes its time for a large one."""
_MOST_WORDS: Final = 2000


class Plan(NamedTuple):
    """What a resume would do, by the command's own word; or why it is refused."""

    facts: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    remarks: str = ""

    @property
    def waits(self) -> bool:
        """Whether it is refused only because the supervisor still proves what the attempt before left."""
        return "is still being supervised" in self.problem


def plan_resume(path: Path, attempt: int) -> Plan:
    """Ask ``guard run --resume --dry-run``; nothing is started. Takes seconds."""
    code, out, err = _guard(path, attempt, "--dry-run")
    if code:
        return Plan(problem=messages(err) or f"guard run --resume ended with exit code {code}")
    launch = _launch_of(path, attempt)
    told = [each[2:] for each in out.splitlines() if each.startswith("# ")]
    facts = [("from", told[0].removesuffix("; nothing was started").rpartition(", from ")[2])] if told else []
    facts += [("config", _config_words(launch))]
    facts += [
        (key, each[len(key) + 2 :])
        for key in ("command", "in")
        for each in told
        if each.startswith(f"{key}: ")
    ]
    return Plan(tuple((key, clean(value)) for key, value in facts if value), remarks=messages(err))


def start_resume(path: Path, attempt: int) -> str:
    """Start the next attempt, detached. "" once its supervisor runs, or what went wrong."""
    code, _, err = _guard(path, attempt, "--detach")
    return "" if not code else messages(err) or f"guard run --resume ended with exit code {code}"


def _guard(path: Path, attempt: int, *options: str) -> tuple[int, str, str]:
    """Run the command where the run was launched, by the Python that it was launched with."""
    launch = _launch_of(path, attempt)
    folder = str(launch.get("workdir") or "")
    result = (1, "", "")
    for python in _interpreters(launch):
        # -P: a file of the user's project must not stand in for a module of guard's.
        command = [python, "-P", "-m", "guardrun.cli.main", "run", "--resume", str(path.absolute()), *options]
        result = run_guard(command, folder if os.path.isdir(folder) else str(path.absolute().parent))
        if "No module named 'guardrun'" not in result[2] and "No module named guardrun" not in result[2]:
            break
    return result


def run_guard(command: list[str], folder: str) -> tuple[int, str, str]:
    """Run a command of guard's to its end: exit code, standard output and error. Raises nothing."""
    # A training that is started from a dashboard inside another run must not be taken for a part of it.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GUARDRUN_")}
    # Files, not pipes: a dashboard that is left meanwhile must not break what the command writes to.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,
            )  # fmt: skip
            code = process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            return 1, "", f"it has not answered for {_PATIENCE_S:.0f} s; it may still start"
        except OSError as error:
            return 1, "", f"{command[0]} cannot be started: {error.strerror or error}"
        return code, _written(out), _written(err)


def _written(file: Any) -> str:
    file.seek(0)
    return str(file.read(_MOST_BYTES).decode("utf-8", "replace"))


def _interpreters(launch: dict[str, Any]) -> list[str]:
    """The run's own Python first: without a ``python:`` in its configuration a resume trains with guard's."""
    recorded = launch.get("python")
    own = [recorded] if isinstance(recorded, str) and os.access(recorded, os.X_OK) else []
    return list(dict.fromkeys([*own, sys.executable]))


def _launch_of(path: Path, attempt: int) -> dict[str, Any]:
    """attempts/<n>.json; empty when there is none."""
    try:
        return read_object(RunPaths(path).attempt(attempt))
    except (OSError, ValueError):
        return {}


def _config_words(launch: dict[str, Any]) -> str:
    """Where the configuration came from: it is the one of the attempt before, not the file as it is now."""
    source = launch.get("config_source")
    where = f"as attempt {launch.get('attempt')} had it"
    changed = launch.get("overrides")
    words = f", with {' '.join(map(str, changed))}" if isinstance(changed, list) and changed else ""
    return f"{where}{f' from {source}' if source else ''}{words}"


def messages(err: str) -> str:
    """Messages of a command in one line."""
    lines = [clean(each.removeprefix("guard: ")) for each in err.splitlines()]
    return "; ".join(each for each in lines if each)[:_MOST_WORDS]
