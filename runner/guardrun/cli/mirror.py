"""``guard mirror``: runs shown in TensorBoard, W&B or MLflow as well, by a process that only reads them."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from guardrun.cli.folder_lock import lock_folder
from guardrun.cli.output import runs_dir_default
from guardrun.errors import UserError

if TYPE_CHECKING:
    from types import FrameType

    from guardrun.integrations.bridges.following import RunMirror
    from guardrun.integrations.bridges.model import Bridge, Subject

_TURN_S: Final = 0.5
_LOOK_S: Final = 2.0
"""Between two looks for new runs."""
_CLASSES: Final = {"tensorboard": "TensorBoardBridge", "wandb": "WandbBridge", "mlflow": "MlflowBridge"}


@click.command("mirror")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--to", "target", required=True, type=click.Choice(list(_CLASSES)), help="The other tool.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("mirrored"),
    show_default=True,
    help="Folder for its files, and for how far each run has come.",
)
@click.option("--project", default="guard", show_default=True, help="W&B's project, MLflow's experiment.")
@click.option("--once", is_flag=True, help="What is there now; do not wait for more.")
def command(paths: tuple[str, ...], target: str, out: Path, project: str, once: bool) -> int:
    """Show runs at or below PATH (default: runs/) in another tool as well.

    Follows their files, so that nothing of it is ever in the way of a training; a run that appears below a
    folder is taken up. Ends when every PATH is a run and all of them are over, or by Ctrl-C. Called again it
    goes on where it was.

    Exit code: 0, or 1 when the other tool has refused a run.
    """  # fmt: skip
    bridge = _bridge(target)

    def open_bridge(subject: Subject, known: str | None) -> Bridge:
        opened: Bridge = bridge(subject, out, project, known)
        return opened

    with _alone(out / f".guard-{target}") as memory:
        signal.signal(signal.SIGTERM, _interrupt)
        mirrors = _Mirrors(paths or (runs_dir_default(),), memory, open_bridge)
        try:
            mirrors.run(once=once)
        except KeyboardInterrupt:
            mirrors.close()
        return int(mirrors.refused)


class _Mirrors:
    """All runs that are mirrored, each by itself: one that the other tool refuses stops no other."""

    def __init__(self, specs: tuple[str, ...], memory: Path, open_bridge: Any) -> None:
        from guardrun.events.paths import is_run_directory
        from guardrun.reading.discovery import resolve_run

        self._refused: set[Path] = set()
        self._folders = [Path(s) for s in specs if os.path.isdir(s) and not is_run_directory(Path(s))]
        runs = [resolve_run(s, runs_dir_default()) for s in specs if Path(s) not in self._folders]
        self._memory, self._open = memory, open_bridge
        self._mirrors: dict[Path, RunMirror] = {}
        self._looked = float("-inf")
        for run in runs:
            self._add(run)

    @property
    def refused(self) -> bool:
        """Whether the other tool has refused a run."""
        return bool(self._refused)

    def run(self, *, once: bool) -> None:
        """Until all are over, or for ever where new ones may come; ``once``: until all is told."""
        while True:
            moved = self._turn(once)
            over = all(mirror.done for mirror in self._mirrors.values())
            if over and (once or not self._folders):
                return
            if not moved:
                time.sleep(_TURN_S)

    def close(self) -> None:
        """Whatever has come by now is told, and the other tool's runs are closed."""
        for mirror in self._going():
            self._guarded(mirror, closing=True)

    def _turn(self, once: bool) -> bool:
        from guardrun.reading.discovery import find_runs

        if self._folders and time.monotonic() - self._looked >= _LOOK_S:
            self._looked = time.monotonic()
            for run in find_runs(self._folders):
                known = self._mirrors.get(run)
                if known is None or (run not in self._refused and known.grown()):
                    self._add(run)
        moved = [self._guarded(mirror, once=once) for mirror in self._going()]
        return any(moved)

    def _going(self) -> list[RunMirror]:
        return [mirror for mirror in self._mirrors.values() if not mirror.done]

    def _add(self, run: Path) -> None:
        from guardrun.integrations.bridges.following import RunMirror

        self._mirrors[run] = RunMirror(run, self._memory / f"{run.name}.json", self._open)

    def _guarded(self, mirror: RunMirror, *, once: bool = False, closing: bool = False) -> bool:
        before = mirror.place
        try:
            moved = False if closing else mirror.poll(last=once)
            if closing:
                mirror.close()
        except UserError:
            raise
        except Exception as error:
            mirror.done = True
            self._refused.add(mirror.path)
            _say(f"{mirror.path.name} is not mirrored any further: {type(error).__name__}: {error}")
            return True
        if mirror.place != before:
            _say(f"{mirror.path.name} → {mirror.place}")
        if mirror.done:
            _say(f"{mirror.path.name}: {mirror.told} events told")
        return moved


def _bridge(target: str) -> Any:
    try:
        module = importlib.import_module(f"guardrun.integrations.bridges.{target}")
    except ImportError as error:
        raise UserError(
            f"{target} cannot be imported: {error}", hint=f"pip install 'guardrun[{target}]'"
        ) from error
    return getattr(module, _CLASSES[target])


@contextmanager
def _alone(memory: Path) -> Iterator[Path]:
    """Two mirrors into one place would tell everything twice. Raises UserError."""
    try:
        memory.mkdir(parents=True, exist_ok=True)
        folder = os.open(memory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise UserError(
            f"cannot write below {memory.parent}: {error.strerror or error}", hint="choose another --out"
        ) from error
    if not lock_folder(folder):
        os.close(folder)
        raise UserError(
            f"another `guard mirror` is writing into {memory.parent}",
            hint="one is enough for a whole folder of runs; another place: --out DIR",
        )
    try:
        yield memory
    finally:
        os.close(folder)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    from guardrun.reading.plain_text import plain

    print(f"guard: {plain(text)}", file=sys.stderr, flush=True)
