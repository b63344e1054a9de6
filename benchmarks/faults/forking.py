"""Trainings as forks of one process that has PyTorch: real processes, without seconds of imports each."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import pkgutil
import random
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from guardrun import recording
from guardrun.events.decode import decode
from guardrun.events.paths import RunPaths
from guardrun.events.run_ids import create_run
from guardrun.recording import starting
from guardrun.recording.rng import forget_generators

_FORK = multiprocessing.get_context("fork")


def warm() -> None:
    """What a training would import or set up at its first step: once, not in every fork."""
    for module in pkgutil.walk_packages(recording.__path__, "guardrun.recording."):
        importlib.import_module(module.name)
    torch.set_num_threads(1)
    parameter = torch.nn.Parameter(torch.zeros(1))
    torch.optim.Adam([parameter]).step()


def new_run(folder: Path, config: Mapping[str, Any], *, library: bool = True) -> RunPaths:
    """A run directory as `guard run` makes it, with its first attempt."""
    paths = create_run(folder, "campaign")
    write_attempt(paths, 1, config, library=library)
    return paths


def write_attempt(
    paths: RunPaths, number: int, config: Mapping[str, Any], *, resume_from: str | None = None,
    library: bool = True,
) -> None:  # fmt: skip
    """attempts/<n>.json, as far as a training and its supervisor read it."""
    launch = {
        "attempt": number, "created": 0.0, "config": dict(config), "command": ["forked"], "host": "",
        "cli": [], "workdir": str(paths.root), "python": sys.executable, "library": library,
        "resume_from": resume_from,
    }  # fmt: skip
    paths.attempt(number).write_text(json.dumps(launch))


def beside(config: Mapping[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same configuration, one time in three with checkpoints that are written beside the training."""
    saving = {**config["checkpoint"], "async": chance.random() < 1 / 3}
    return {**config, "checkpoint": saving}


def forked(function: Callable[..., Any], *arguments: Any) -> BaseProcess:
    """Start ``function`` in a fork that has forgotten what this process did."""
    process = _FORK.Process(target=_begin, args=(function, *arguments))
    process.start()
    return process


def _begin(function: Callable[..., Any], *arguments: Any) -> None:
    as_a_new_process()
    function(*arguments)


def as_a_new_process() -> None:
    """Begin as a new interpreter would, whatever the one that this was forked from did (torchrun's agent has
    handlers of its own)."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    starting._process = starting._Process()
    forget_generators()


def quietly(console: Path) -> None:
    """From now on this process's output goes to a file, as under `guard run`."""
    sys.stdout.flush()
    sys.stderr.flush()
    descriptor = os.open(console, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def join_run(paths: RunPaths, attempt: int) -> None:
    """What `guard run` puts into the environment of a training."""
    os.environ.update(GUARDRUN_DIR=str(paths.root), GUARDRUN_ATTEMPT=str(attempt))


def events(paths: RunPaths, kind: str, rank: int = 0) -> list[dict[str, Any]]:
    """The events of one kind that a reader of the log meets."""
    return _events(paths.events(rank), kind)


def events_of_supervisor(paths: RunPaths, kind: str) -> list[dict[str, Any]]:
    """The same of supervisor.jsonl."""
    return _events(paths.supervisor, kind)


def _events(log: Path, kind: str) -> list[dict[str, Any]]:
    try:
        lines = log.read_bytes().split(b"\n")[:-1]
    except OSError:
        return []
    found = [decode(line) for line in lines if line]
    return [event for event in found if event is not None and event["kind"] == kind]
