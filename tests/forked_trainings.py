"""Trainings as forks of the test's process, which has PyTorch: real processes, without seconds of imports."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pkgutil
import random
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from guardrun import recording
from guardrun.recording import starting
from guardrun.recording.rng import forget_generators

_FORK = multiprocessing.get_context("fork")


class _Popen:
    """``subprocess.Popen`` of ``python train.py …`` as far as ``start_training`` asks for it."""

    def __init__(
        self, argv: list[str], *, cwd: str, env: Mapping[str, str], stdout: IO[bytes], **_: Any
    ) -> None:
        assert Path(argv[0]).name.startswith("python"), argv
        _warm()
        self._process = _FORK.Process(target=_train, args=(argv[1:], cwd, dict(env), stdout.fileno()))
        self._process.start()
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode


class Forked:
    """Stands where a module has imported ``subprocess``."""

    Popen = _Popen
    DEVNULL = subprocess.DEVNULL
    STDOUT = subprocess.STDOUT


@cache
def _warm() -> None:
    """Import what a training imports up to its first step: once, not in every fork."""
    for module in pkgutil.walk_packages(recording.__path__, "guardrun.recording."):
        importlib.import_module(module.name)
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))]).step()


def _train(words: list[str], cwd: str, environment: dict[str, str], console: int) -> None:
    """Become what a new interpreter would be, and run the script."""
    os.setsid()
    os.dup2(console, 1)
    os.dup2(console, 2)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    starting._process = starting._Process()
    forget_generators()
    for draw_anew in (random.seed, np.random.seed, torch.seed):
        draw_anew()
    torch.use_deterministic_algorithms(False)
    sys.argv = words
    sys.path.insert(0, str(Path(words[0]).parent))
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit:
        raise
    except BaseException:
        sys.excepthook(*sys.exc_info())
        raise SystemExit(1) from None
    finally:
        starting._at_exit()
        sys.stdout.flush()
        sys.stderr.flush()
