"""From a configuration to a run directory that is ready to be supervised; nothing is started here."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from guardrun.errors import UserError
from guardrun.events.atomic import write_atomic
from guardrun.events.paths import RunPaths
from guardrun.events.untrusted import read_object
from guardrun.provenance.config import config_yaml
from guardrun.provenance.environment import environment
from guardrun.provenance.git import GitFacts, git_facts
from guardrun.provenance.host import host_name
from guardrun.provenance.keeping import keep_code
from guardrun.provenance.secrets import Secrets
from guardrun.provenance.slurm import NAME as SLURM
from guardrun.provenance.slurm import job_in
from guardrun.provenance.torchrun import MODULE, torchrun_words
from guardrun.reading.plain_text import plain

if TYPE_CHECKING:
    from guardrun.provenance.config import Config, Loaded

_PYTHONS = frozenset(("python", "python3"))
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_IMPORTS_GUARD = re.compile(rb"^\s*(?:import|from)\s+guardrun\b", re.MULTILINE)
_INTERPRETER_OPTIONS_WITH_VALUE = frozenset(("-W", "-X", "--check-hash-based-pycs"))


class Launch(NamedTuple):
    """What will be executed, and where."""

    command: list[str]
    workdir: Path
    python: str
    script: Path | None
    """The training's Python script, where there is one."""

    @property
    def uses_library(self) -> bool | None:
        """True when the script imports guardrun itself; None: unknown (a module of it may)."""
        try:
            found = self.script is not None and _IMPORTS_GUARD.search(self.script.read_bytes())
        except OSError:
            return None
        return True if found else None


def plan(config: Config, base: Path) -> Launch:
    """The command with its interpreter, checked: folder, program and script exist. ``base``: for workdir.

    Raises UserError that says what is missing.
    """
    workdir = (base / config.workdir).resolve()
    if not workdir.is_dir():
        raise UserError(f"the working directory {workdir} does not exist", hint="workdir says where")
    python = _interpreter(config, base)
    if config.entry is not None:
        script = workdir / config.entry
        _check_script(script, workdir, "entry")
        words = [*_torchrun(config), config.entry, *config.args]
        return Launch([python, *words], workdir, python, script)
    assert isinstance(config.command, list)
    program, *rest = config.command
    if program in _PYTHONS:
        script_word = _script_of(rest)
        if script_word is not None:
            _check_script(workdir / script_word, workdir, "the command")
        return Launch([python, *rest], workdir, python, workdir / script_word if script_word else None)
    if program == "torchrun":
        return Launch([python, "-m", MODULE, *rest], workdir, python, None)
    _check_program(program, workdir, config.env.get("PATH"))
    return Launch(list(config.command), workdir, python, None)


def _torchrun(config: Config) -> list[str]:
    """In front of the script; not for several hosts of a job, which meet where the job turns out to be."""
    in_a_job = config.launcher == SLURM and config.nnodes == 1 and config.nproc_per_node > 1
    return torchrun_words(msgspec.structs.asdict(config)) if in_a_job or config.launcher == "torchrun" else []


def _interpreter(config: Config, base: Path) -> str:
    """The path of the training's Python; links are kept, for a virtual environment is known by its path."""
    if config.python is None:
        return sys.executable
    word = os.path.expanduser(config.python)
    path = os.path.abspath(base / word) if os.sep in word else shutil.which(word)
    if path is None or not os.access(path, os.X_OK) or os.path.isdir(path):
        raise UserError(
            f"python: there is no interpreter {config.python}", hint="leave it out for guard's own"
        )
    return path


def _script_of(words: list[str]) -> str | None:
    """The script among the interpreter's arguments; None for -m, -c and standard input."""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _INTERPRETER_OPTIONS_WITH_VALUE:
            skip = True
        elif word.startswith(("-m", "-c")) or word == "-":
            return None
        elif not word.startswith("-"):
            return word
    return None


def _check_script(script: Path, workdir: Path, where: str) -> None:
    if script.is_file() or (script.is_dir() and (script / "__main__.py").is_file()):
        return
    try:
        here = sorted(path.name for path in script.parent.glob("*.py"))
    except OSError:
        here = []
    close = difflib.get_close_matches(script.name, here, n=1)
    hint = f"did you mean {close[0]}?" if close else f"paths are relative to {workdir}"
    raise UserError(f"{where}: there is no script {script}", hint=hint)


def _check_program(program: str, workdir: Path, path: str | None) -> None:
    if os.sep in program:
        there = workdir / program
        if not there.is_file():
            raise UserError(f"there is no program {there}")
        if not os.access(there, os.X_OK):
            raise UserError(f"{there} is not executable", hint="chmod +x, or put its interpreter in front")
    elif shutil.which(program, path=path) is None:
        if _ASSIGNMENT.match(program):
            hint = f"to set variables: guard run -- env {program} …"
        elif (workdir / program).is_file():
            hint = (
                f"it is a file here: guard run -- {'python' if program.endswith('.py') else 'sh'} {program}"
            )
        else:
            hint = "it is not on PATH"
        raise UserError(f"command not found: {program}", hint=hint)


def secrets_of(loaded: Loaded, launch: Launch, known: Mapping[str, str] | None = None) -> Secrets:
    """What must not be written down of a launch; the same words give the same placeholders.

    ``known``: placeholder -> value of those that keep their places.
    """
    secrets = Secrets(known)
    for value in (loaded.effective, loaded.raw, launch.command, loaded.overrides, sys.argv):
        secrets.look_into(value)
    return secrets


def write_attempt(
    paths: RunPaths, number: int, loaded: Loaded, launch: Launch, *, resume_from: str | None,
    takeover: bool = False, more: Mapping[str, Any] | None = None, known: Mapping[str, str] | None = None,
) -> dict[str, str]:  # fmt: skip
    """Everything that is known before the first step, but no secrets: those are returned, as variables for
    the environment of the supervisor. Raises UserError when it can't be written, or where ``on_dirty``
    refuses the code.

    ``takeover``: a holder on another host counts as gone, for the supervisor and for every rank. ``more``:
    further facts of the attempt. ``known``: placeholder -> value of secrets that keep their places.
    """
    git = git_facts(launch.workdir, exclude=paths.root.parent.resolve())
    if resume_from is None and "repeats" not in (more or {}):
        _judge_dirt(loaded.config, git)
    secrets = secrets_of(loaded, launch, known)
    facts: dict[str, Any] = {
        "attempt": number,
        "created": time.time(),
        "config": loaded.effective,
        "config_raw": loaded.raw,
        "config_source": str(loaded.source) if loaded.source else None,
        "config_text": loaded.text,
        "config_text_sha256": hashlib.sha256(loaded.text.encode()).hexdigest() if loaded.text else None,
        "config_origins": loaded.origins,
        "overrides": loaded.overrides,
        "command": launch.command,
        "workdir": str(launch.workdir),
        "python": launch.python,
        "environment": environment(launch.python),
        "git": git.as_json(),
        "host": host_name(),
        "cli": sys.argv,
        "resume_from": resume_from,
        "takeover": takeover,
        "library": launch.uses_library,
        **({"slurm": job.as_json()} if (job := job_in(os.environ)) is not None else {}),
        **(more or {}),
    }
    try:
        write_atomic(paths.config_yaml, secrets.hide(config_yaml(loaded, origins=True)).encode())
        keep_code(paths, git, secrets)
        # The last: who finds the attempt finds everything that belongs to it.
        write_atomic(paths.attempt(number), _as_json(secrets.hide(facts)))
    except OSError as error:
        raise UserError(f"cannot write to {paths.root}: {error.strerror or error}") from error
    return secrets.variables()


def _as_json(facts: dict[str, Any]) -> bytes:
    return json.dumps(facts, indent=1, default=str).encode() + b"\n"


def _judge_dirt(config: Config, git: GitFacts) -> None:
    """What ``on_dirty`` says about code that its commit would not bring back."""
    if config.on_dirty == "record" or not git.uncommitted:
        return
    if config.on_dirty == "refuse":
        raise UserError(
            f"on_dirty: refuse, and the code is not what its commit says ({git.uncommitted})",
            hint="commit it first, or say on_dirty=record: the changes are kept with the run",
        )
    print(plain(f"guard: the code is not what its commit says: {git.uncommitted}"), file=sys.stderr)


def attempts_of(paths: RunPaths) -> list[int]:
    """The numbers of the attempts so far, ascending."""
    try:
        names = os.listdir(paths.attempts)
    except OSError:
        return []
    return sorted(int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit())


def read_attempt(paths: RunPaths, number: int) -> dict[str, Any]:
    """attempts/<number>.json. Raises UserError when it can't be read."""
    path = paths.attempt(number)
    try:
        return read_object(path)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
