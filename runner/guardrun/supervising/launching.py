"""Start the training as the attempt's file says, or find one that already runs; then tell when it is over."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from guardrun.errors import UserError
from guardrun.events.paths import RunPaths
from guardrun.events.untrusted import read_object
from guardrun.provenance.secrets import PLACEHOLDER, from_environment, reveal
from guardrun.provenance.slurm import NAME as SLURM
from guardrun.provenance.slurm import job_in
from guardrun.provenance.torchrun import MODULE, torchrun_words
from guardrun.supervising import sealing
from guardrun.supervising.process_tree import Identity, alive, identify
from guardrun.supervising.slurm_jobs import first_host

_FIRST_PORT, _PORTS = 20_000, 10_000
"""Where the hosts of a job meet, by the job's number, so that jobs that share a host do not."""
UNKNOWN_EXIT: Final = 10_000
"""Stands for the exit code of a process that was not our child: only its end can be seen."""


class CannotStart(Exception):
    """The training's command can't be started; the text says why, in words for the user."""


class Training(Protocol):
    """The process that the run stands and falls with (under torchrun: its agent)."""

    identity: Identity | None
    session: int | None
    """The session that belongs to the training alone; None when it shares somebody's."""

    def poll(self) -> int | None:
        """None while it runs; else its exit code, negative for a signal, UNKNOWN_EXIT when unknowable."""


def read_launch(paths: RunPaths, attempt: int) -> dict[str, Any]:
    """attempts/<n>.json. Raises UserError when it is missing or no JSON object."""
    path = paths.attempt(attempt)
    try:
        return read_object(path)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}", hint="`guard run` writes it at launch") from error


def argv_of(launch: Mapping[str, Any]) -> list[str]:
    """The words to execute; torchrun is put in front when the config asks for it and it is not there yet.

    Raises UserError where several hosts of a Slurm job are wanted, and there is none.
    """
    command = [str(word) for word in launch.get("command") or []]
    config = launch.get("config") or {}
    across = config.get("launcher") == SLURM and (config.get("nnodes") or 1) > 1
    if not command or not (across or config.get("launcher") == "torchrun") or _has_torchrun(command):
        return command
    python = str(launch.get("python") or sys.executable)
    if Path(command[0]).name.startswith("python") or command[0] == python:
        python, command = command[0], command[1:]
    in_front: list[str] = []
    if across:
        in_front, config = _on_every_host(config)
    return [*in_front, python, *torchrun_words(config), *command]


def _on_every_host(config: Mapping[str, Any]) -> tuple[list[str], Mapping[str, Any]]:
    """``srun …``, which starts one agent of torchrun on each host of the job, and where they meet."""
    job = job_in(os.environ)
    nodes = config["nnodes"]
    if job is None or job.node_count < nodes:
        here = "outside of a job" if job is None else f"in a job of {job.node_count}"
        raise UserError(f"nnodes: {nodes} hosts are wanted {here}", hint="ask sbatch for so many --nodes")
    words = ["srun", f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", "--kill-on-bad-exit=1"]
    cores = os.environ.get("SLURM_CPUS_PER_TASK")
    words += [f"--cpus-per-task={cores}"] if cores else []  # srun has not inherited it since 22.05
    port = _FIRST_PORT + int(job.id) % _PORTS
    meeting = config.get("rendezvous") or f"{first_host(job.nodes)}:{port}"
    return words, {**config, "rendezvous": meeting}


def _has_torchrun(command: list[str]) -> bool:
    return Path(command[0]).name == "torchrun" or MODULE in command[:4]


def words_for_other_hosts(launch: Mapping[str, Any], paths: RunPaths, attempt: int) -> str:
    """What has to be said on each of the other hosts of a training on several; "" for one on this alone.

    The run directory must be on a disk that they share; their ranks write into it as those of this host do.
    """
    config = launch.get("config") or {}
    nodes = config.get("nnodes")
    if config.get("launcher") != "torchrun" or not isinstance(nodes, int) or nodes < 2:
        return ""
    marks = [f"{key}={value}" for key, value in marks_of(paths, attempt).items()]
    marks += [f"{key}={value}" for key, value in _for_restarts(config).items()]
    words = shlex.join(["env", *marks, *argv_of(launch)])
    return f"cd {shlex.quote(str(launch.get('workdir') or '.'))} && {words}"


def environment_of(launch: Mapping[str, Any], paths: RunPaths, attempt: int) -> dict[str, str]:
    """Our environment, the config's ``env`` and how the training finds its run."""
    config = launch.get("config") or {}
    secrets = from_environment()
    extra = {str(key): str(reveal(str(value), secrets)) for key, value in (config.get("env") or {}).items()}
    settled = {**determinism_of(config), **_for_restarts(config), **os.environ}
    found = {**settled, "PYTHONUNBUFFERED": "1", **extra, **marks_of(paths, attempt)}
    first = [str(path) for path in launch.get("import_paths") or []]
    if first:  # a repeat's copy of the code comes before what is installed
        found["PYTHONPATH"] = os.pathsep.join([*first, *filter(None, [found.get("PYTHONPATH")])])
    return found


def _for_restarts(config: Mapping[str, Any]) -> dict[str, str]:
    """torchrun's store outlives the ranks that it starts anew, with the addresses of those that are gone:
    they were met there, and the restarted ranks waited for them until they failed (PyTorch 2.13, gloo). Each
    restart is given a store of its own.
    """
    return {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"} if config.get("max_restarts") else {}


def determinism_of(config: Mapping[str, Any]) -> dict[str, str]:
    """What ``deterministic: true`` needs before the training's first line: both are read when a process or
    a library starts. The order of Python's sets of texts hangs on PYTHONHASHSEED.
    """
    if not config.get("deterministic"):
        return {}
    seed = config.get("seed")
    return {
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "PYTHONHASHSEED": str(seed % 2**32 if isinstance(seed, int) else 0),
    }


def marks_of(paths: RunPaths, attempt: int) -> dict[str, str]:
    """The environment entries that name the run; every process of the training inherits them."""
    return {"GUARDRUN_DIR": str(paths.root.resolve()), "GUARDRUN_ATTEMPT": str(attempt)}


def grace_of(launch: Mapping[str, Any], default: float = 60.0) -> float:
    """The configured grace of a stop, in seconds."""
    config = launch.get("config")
    stop = config.get("stop") if isinstance(config, dict) else None
    grace = stop.get("grace") if isinstance(stop, dict) else None
    return float(grace) if isinstance(grace, int | float) and grace > 0 else default


def _sealed(argv: list[str], launch: Mapping[str, Any], paths: RunPaths) -> list[str]:
    """Behind a program that makes the attempt's ``read_only`` folder read-only (but for what is ``writable``
    in it, and the run itself) and becomes the training.
    """
    folder = launch.get("read_only")
    if not argv or not isinstance(folder, str):
        return argv
    writable = [str(path) for path in launch.get("writable") or []]
    return [sys.executable, sealing.__file__, folder, *writable, str(paths.root.resolve()), "--", *argv]


class OwnTraining:
    """A training that this process started: its exit code is known."""

    def __init__(self, process: subprocess.Popen[bytes], *, own_session: bool) -> None:
        self._process = process
        self.identity = identify(process.pid)
        self.session = process.pid if own_session else None

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()


class FoundTraining:
    """A training that somebody else started and whose supervisor is gone: it is over when it is not there."""

    def __init__(self, identity: Identity, *, own_session: bool) -> None:
        self.identity: Identity | None = identity
        self.session = identity.pid if own_session else None
        self._identity = identity

    @property
    def pid(self) -> int:
        return self._identity.pid

    def poll(self) -> int | None:
        return None if alive(self._identity) else UNKNOWN_EXIT


def start_training(
    launch: Mapping[str, Any], paths: RunPaths, attempt: int, *, foreground: bool
) -> OwnTraining:
    """Execute the attempt's command. Raises CannotStart.

    Detached from any terminal: a session of its own, standard input from /dev/null, output appended to
    console.log (a file: nobody's death can block or kill the writer). ``foreground`` inherits the terminal
    and stays in its process group, so that breakpoint() can be answered.
    """
    try:
        words = argv_of(launch)
    except UserError as error:
        raise CannotStart(str(error)) from error
    argv = _sealed(reveal(words, from_environment()), launch, paths)
    if not argv:
        raise CannotStart("the attempt names no command")
    if any(PLACEHOLDER.search(word) for word in argv):
        raise CannotStart("its command holds a secret, which was not recorded and was not given again")
    workdir = str(launch.get("workdir") or ".")
    if not Path(workdir).is_dir():
        raise CannotStart(f"the working directory {workdir} does not exist")
    environment = environment_of(launch, paths, attempt)
    try:
        if foreground:
            sys.stdout.flush()
            return OwnTraining(subprocess.Popen(argv, cwd=workdir, env=environment), own_session=False)
        with open(paths.console, "ab", buffering=0) as console:
            process = subprocess.Popen(
                argv, cwd=workdir, env=environment, stdin=subprocess.DEVNULL, stdout=console,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise CannotStart(_why_not(argv[0], error)) from error
    except ValueError as error:
        raise CannotStart(f"cannot start {argv[0]!r}: {error}") from error
    return OwnTraining(process, own_session=True)


def _why_not(program: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"command not found: {program}"
    if isinstance(error, PermissionError):
        return f"not executable: {program} (chmod +x, or put its interpreter in front)"
    return f"cannot start {program}: {error.strerror or error}"
