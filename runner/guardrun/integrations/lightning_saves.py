"""Which files Lightning's checkpoint callbacks have saved, and where they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guardrun.recording.outer_loop import OuterLoop


class SavedFiles:
    """Registers each new checkpoint of the Trainer's callbacks once, after it has been written."""

    def __init__(self) -> None:
        self.cut = False
        """The epoch ends before its time: what is saved as its end would not be gone on from rightly."""
        self._step: int | None = None
        self._known: dict[str, int] = {}

    def saving(self, checkpoint: dict[str, Any]) -> None:
        """A checkpoint is being put together."""
        self._step = int(checkpoint.get("global_step", 0))

    def register(self, loop: OuterLoop, trainer: Any) -> None:
        """Those that were saved since the last look."""
        step, self._step = self._step, None
        if step is None or self.cut:
            return
        fresh = [path for path in _named(trainer) if self._is_new(path)]
        lasting = [path for path in fresh if path not in _rewritten(trainer)]
        if not loop.worth_saving(trainer.lightning_module):
            loop.tell_deleted()
            return
        for path in lasting:
            loop.saved(path, step=step)
        if fresh and not lasting:  # last.ckpt alone, which the next one overwrites: it can't be best
            loop.saved(fresh[0], step=step, ranked=False)

    def written(self, loop: OuterLoop, path: Path, step: int) -> None:
        """guard itself had the Trainer save there."""
        self._step = None
        self._is_new(str(path))
        loop.saved(path, step=step)

    def folder(self, trainer: Any) -> Path:
        """Where a checkpoint belongs that guard asks for: beside the others."""
        for callback in trainer.checkpoint_callbacks:
            if getattr(callback, "dirpath", None):
                return Path(callback.dirpath)
        return Path(trainer.default_root_dir) / "checkpoints"

    def _is_new(self, path: str) -> bool:
        try:
            changed = os.stat(path).st_mtime_ns
        except OSError:
            return False
        known, self._known[path] = self._known.get(path), changed
        return known != changed


def monitored(trainer: Any) -> dict[str, str]:
    """Metric and mode of each callback that has a monitor; those that save come first."""
    found: dict[str, str] = {}
    for callback in [*trainer.checkpoint_callbacks, *trainer.early_stopping_callbacks]:
        name, mode = getattr(callback, "monitor", None), getattr(callback, "mode", None)
        if name and mode in ("min", "max"):
            found.setdefault(str(name), str(mode))
    return found


def _named(trainer: Any) -> list[str]:
    paths: dict[str, None] = {}
    for callback in trainer.checkpoint_callbacks:
        for path in (*getattr(callback, "best_k_models", {}), getattr(callback, "best_model_path", "")):
            if path:
                paths[str(path)] = None
    return [*paths, *_rewritten(trainer)]


def _rewritten(trainer: Any) -> list[str]:
    """Files that the next save writes over."""
    found = (getattr(callback, "last_model_path", "") for callback in trainer.checkpoint_callbacks)
    return [str(path) for path in found if path]
