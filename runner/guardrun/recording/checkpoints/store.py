"""Save checkpoints so that the previous good one survives whatever happens."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from guardrun.recording.checkpoints import external, housekeeping
from guardrun.recording.checkpoints.layout import META, SCHEMA, FolderName, Turns, relative, write_meta
from guardrun.recording.checkpoints.pointers import Pointer, read_pointer
from guardrun.recording.checkpoints.ranking import is_better, only_finite
from guardrun.recording.checkpoints.reduction import reduce_state
from guardrun.recording.checkpoints.roles import give_roles, mend_best
from guardrun.recording.checkpoints.saves import Planned, Saved
from guardrun.recording.checkpoints.tracked import state_bytes
from guardrun.recording.checkpoints.writing import (
    CheckpointFailed,
    Part,
    announce_part,
    gather_parts,
    read_back,
    write_part,
    written_part,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from guardrun.events.paths import RunPaths
    from guardrun.recording.checkpoints.tracked import Tracked

__all__ = ["CheckpointFailed", "CheckpointStore", "Planned", "Saved"]

PAYLOAD_FORMAT = 1
"""Version of the dictionary in ``rank<k>.pt``: step, epoch, position, objects (name -> state), kinds, ..."""
_MARGIN = 1024 * 1024


class CheckpointStore:
    """The checkpoints of one attempt, as one rank sees them.

    ``facts`` goes into every meta.json: commit, dirty, config_sha256; ``data`` (name -> sha256) may be
    filled later. ``keep`` is the number of recent checkpoints kept besides best and last. Rank 0 waits at
    most ``wait`` seconds without progress for the other ranks' parts.
    """

    def __init__(
        self,
        paths: RunPaths,
        *,
        attempt: int,
        rank: int = 0,
        world_size: int = 1,
        monitor: str | None = None,
        mode: str = "min",
        keep: int = 2,
        facts: Mapping[str, Any] | None = None,
        wait: float = 300.0,
    ) -> None:
        self.data: dict[str, str] = {}
        self.monitor = monitor
        self.mode = mode
        self._paths = paths
        self._attempt = attempt
        self._rank = rank
        self._world_size = world_size
        self._keep = keep
        self._facts = dict(facts or {})
        self._wait = wait
        self._saves = 0
        self._turns = {True: Turns(), False: Turns()}
        self._read_back_done = False

    # -- before training

    def prepare(self, tracked: Tracked | None = None) -> list[str]:
        """Clean up after dead attempts and look at the space; what a person should know, in words.

        Never raises OSError: a training that can't save is told so, not stopped.
        """
        try:
            os.makedirs(self._paths.checkpoints, exist_ok=True)
            notes = housekeeping.clean_leftovers(self._paths, self._attempt) if self._rank == 0 else []
            notes += mend_best(self._paths, self.mode) if self._rank == 0 else []
            return notes + self.space_problems(tracked)
        except OSError as error:
            return [f"checkpoints cannot be written to {self._paths.checkpoints}: {error.strerror or error}"]

    def space_problems(self, tracked: Tracked | None) -> list[str]:
        """Why the checkpoints of this training would not fit, in words. Raises OSError."""
        folder = self._paths.checkpoints
        if not os.access(folder, os.W_OK):
            return [f"checkpoints cannot be written to {folder}: the folder is not writable"]
        size = self._world_size * (tracked.estimate_bytes() if tracked else 0)
        want = size * (self._keep + 3)  # best, last, and the one being written
        free = shutil.disk_usage(folder).free
        if free >= want + _MARGIN:
            return []
        return [
            f"{_size(free)} are free in {folder}; a checkpoint takes some {_size(size)}, and up to "
            f"{self._keep + 3} exist at a time"
        ]

    # -- saving

    def best_metric(self) -> float | None:
        """The metric of the best checkpoint so far, earlier attempts included."""
        pointer = read_pointer(self._paths, "best")
        return pointer.metric if isinstance(pointer, Pointer) else None

    def is_better(self, metric: float) -> bool:
        """Whether a checkpoint with this metric would become best: finite, and strictly better."""
        return is_better(metric, self.best_metric(), self.mode)

    def save(
        self,
        tracked: Tracked,
        *,
        step: int,
        epoch: int,
        position: Mapping[str, Any],
        metrics: Mapping[str, Any] | None = None,
        claim_best: bool = False,
        last: bool = True,
        alone: bool = False,
        extra: Any = None,
    ) -> Saved:
        """Write one checkpoint; with ``claim_best`` it becomes best if its metric and weights allow.

        Every rank calls this at the same step, except with ``alone`` (rank 0 only, as in an evaluation that
        the other ranks skip): then the other ranks' generators are not in it. ``position`` comes from
        ``resume.Place``; ``extra`` comes back as ``payload["extra"]``. Raises CheckpointFailed (disk full, a
        rank that does not answer, ...) with the previous checkpoint untouched, and UserError for state that
        can't be kept.
        """
        planned = self.plan(
            tracked, step=step, epoch=epoch, position=position, metrics=metrics, claim_best=claim_best,
            last=last, alone=alone, extra=extra,
        )  # fmt: skip
        return self.write(planned, tracked.nonfinite)

    def plan(
        self,
        tracked: Tracked,
        *,
        step: int,
        epoch: int,
        position: Mapping[str, Any],
        metrics: Mapping[str, Any] | None = None,
        claim_best: bool = False,
        last: bool = True,
        alone: bool = False,
        extra: Any = None,
    ) -> Planned:
        """The first half of ``save``, in the training's own thread: the state, which shares its tensors.

        Raises UserError for state that can't be kept.
        """
        begun = time.monotonic()
        solo = alone and self._world_size > 1
        self._saves += not solo
        turn, known = self._turns[solo].of(step, _place(position), claim_best)
        name = FolderName(self._attempt, step, solo, turn)
        complete = (self._paths.checkpoints / str(name) / META).is_file()
        reuse = self._rank == 0 and known and complete
        payload = None if reuse else self._payload(tracked, step, epoch, position, extra)
        brief = {"epoch": epoch, "batch": 0, "step": step, **_brief_position(position)}
        return Planned(
            name, self._saves, epoch, brief, dict(metrics or {}), claim_best, last, alone, known, payload,
            begun,
        )  # fmt: skip

    def write(self, planned: Planned, nonfinite: Callable[[], str | None]) -> Saved:
        """The second half, in any thread, one at a time: parts, metadata, roles. Raises CheckpointFailed."""
        step, epoch = planned.name.step, planned.epoch
        folder = self._paths.checkpoints / str(planned.name)
        with self._failing(step, folder):
            if planned.payload is None:
                return self._give(planned, nonfinite, reused=True)
            os.makedirs(folder, exist_ok=True)
            part = self._own_part(folder, planned)
            if self._rank != 0:
                return Saved(
                    relative(folder), (), step, epoch, only_finite(planned.metrics), None, "", part.bytes,
                    time.monotonic() - planned.begun,
                )  # fmt: skip
            alone = planned.alone
            others = [] if alone else gather_parts(folder, self._world_size, planned.number, self._wait)
            meta = self._meta(step, epoch, planned.metrics, [one.entry() for one in (part, *others)])
            write_meta(folder, {**meta, "position": planned.position})
            return self._give(planned, nonfinite)

    def _give(self, planned: Planned, nonfinite: Callable[[], str | None], *, reused: bool = False) -> Saved:
        return self._finish(planned.name, nonfinite, planned.claim_best, planned.last, planned.begun, reused)

    def register(
        self,
        path: str | os.PathLike[str],
        *,
        step: int,
        epoch: int,
        metrics: Mapping[str, Any] | None = None,
        last: bool = True,
    ) -> Saved:
        """Hash and rank a file (or folder) that the user's own code saved; it is never changed or deleted.

        Rank 0 only. Raises UserError when there is no such file, CheckpointFailed when it or our folder
        can't be read or written.
        """
        begun = time.monotonic()
        try:
            files = external.hash_external(path)
        except OSError as error:
            raise CheckpointFailed(f"{path} was not registered: {error.strerror or error}") from error
        place = ("external", os.path.abspath(path), *(one["sha256"] for one in files))
        solo = self._world_size > 1
        turn, again = self._turns[solo].of(step, place, True)
        name = FolderName(self._attempt, step, solo, turn)
        while not again and (self._paths.checkpoints / str(name) / META).exists():  # an earlier step's, anew
            name = FolderName(self._attempt, step, solo, name.turn + 1)
        folder = self._paths.checkpoints / str(name)
        with self._failing(step, folder):
            os.makedirs(folder, exist_ok=True)
            write_meta(folder, self._meta(step, epoch, metrics, files))
            claim = self.monitor is not None and self.monitor in (metrics or {})
            return self._finish(name, None, claim, last, begun)

    def drop_vanished(self) -> list[str]:
        """Let go of checkpoints whose files their owner has deleted; what a person should know.

        Rank 0 only. Raises OSError when a pointer can't be moved.
        """
        return external.drop_vanished(self._paths, self.mode)

    @contextmanager
    def _failing(self, step: int, folder: Path) -> Iterator[None]:
        """One kind of error for all that goes wrong outside; what was written in vain goes."""
        try:
            yield
        except (OSError, CheckpointFailed) as error:
            if self._rank == 0 and not (folder / META).exists():
                housekeeping.remove(folder)
            why = error.strerror or error if isinstance(error, OSError) else error
            raise CheckpointFailed(f"step {step} was not saved: {why}") from error

    def _payload(
        self, tracked: Tracked, step: int, epoch: int, position: Mapping[str, Any], extra: Any
    ) -> dict[str, Any]:
        return {
            "format": PAYLOAD_FORMAT,
            "step": step,
            "epoch": epoch,
            "attempt": self._attempt,
            "rank": self._rank,
            "world_size": self._world_size,
            "position": dict(position),
            "objects": tracked.capture(),
            "kinds": tracked.kinds(),
            "extra": reduce_state(extra, ("extra",)),
        }

    def _own_part(self, folder: Path, planned: Planned) -> Part:
        payload = planned.payload
        if self._rank == 0:
            return self._write_own(folder, payload)
        try:
            # A part that rank 0 may have in a complete checkpoint already is announced anew, never rewritten.
            part = (written_part(folder, self._rank) if planned.known else None) or self._write_own(
                folder, payload
            )
        except (OSError, CheckpointFailed) as error:
            self._announce_failure(folder, planned.number, error)
            raise
        announce_part(folder, self._rank, planned.number, part)
        return part

    def _write_own(self, folder: Path, payload: dict[str, Any] | None) -> Part:
        need, free = state_bytes(payload) + _MARGIN, shutil.disk_usage(folder).free
        if free < need:
            raise CheckpointFailed(f"it needs {_size(need)}, and {_size(free)} are free in {folder.parent}")
        part = write_part(folder, f"rank{self._rank}.pt", payload)
        if not self._read_back_done:
            read_back(folder, part)
            self._read_back_done = True
        return part

    def _announce_failure(self, folder: Path, number: int, error: Exception) -> None:
        try:
            announce_part(folder, self._rank, number, None, str(error))
        except OSError:
            pass  # rank 0 stops waiting by itself

    def _meta(
        self, step: int, epoch: int, metrics: Mapping[str, Any] | None, files: list[dict[str, Any]]
    ) -> dict[str, Any]:
        monitor = {"name": self.monitor, "mode": self.mode} if self.monitor else None
        values = dict(metrics or {})
        return {
            "schema": SCHEMA,
            "step": step,
            "epoch": epoch,
            "attempt": self._attempt,
            "run_id": self._paths.root.resolve().name,
            "time": time.time(),
            "metrics": values,
            "monitor": monitor,
            "metric": only_finite(values).get(self.monitor or ""),
            "commit": self._facts.get("commit"),
            "dirty": self._facts.get("dirty"),
            "code_sha256": self._facts.get("code_sha256"),
            "config_sha256": self._facts.get("config_sha256"),
            "data": dict(self.data),
            "world_size": self._world_size,
            "files": files,
        }

    def _finish(
        self,
        name: FolderName,
        nonfinite: Callable[[], str | None] | None,
        claim: bool,
        last: bool,
        begun: float,
        reused: bool = False,
    ) -> Saved:
        """Give a complete folder its roles, and let go of what is now of no use."""
        folder = self._paths.checkpoints / str(name)
        granted = give_roles(
            self._paths,
            folder,
            mode=self.mode,
            monitor=self.monitor,
            claim=claim,
            last=last,
            nonfinite=nonfinite,
        )
        housekeeping.prune(self._paths, self._keep, spared=name)
        meta = granted.meta.body
        return Saved(
            path=relative(folder),
            roles=granted.roles,
            step=meta["step"],
            epoch=meta["epoch"],
            metrics=only_finite(meta["metrics"]),
            metric=meta["metric"],
            meta_sha256=granted.meta.sha256,
            bytes=sum(entry["bytes"] for entry in meta["files"]),
            seconds=time.monotonic() - begun,
            external=any(entry["external"] for entry in meta["files"]),
            reused=reused,
            problem=granted.problem,
            own=external.own_place(meta),
        )


def _place(position: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(position.get(key) for key in ("epoch", "batch", "step", "point"))


def _brief_position(position: Mapping[str, Any]) -> dict[str, Any]:
    return {key: position[key] for key in ("epoch", "batch", "step", "point") if key in position}


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
