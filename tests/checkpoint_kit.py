"""A small model with everything that has state, and a store for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from guardrun.events.paths import RunPaths
from guardrun.recording.checkpoints.resume import Place
from guardrun.recording.checkpoints.store import CheckpointStore, Saved
from guardrun.recording.checkpoints.tracked import Tracked

torch.set_num_threads(1)


class Trained:
    """A model, an optimizer that has stepped once, and their store in ``root``."""

    def __init__(self, root: Path, *, width: int = 8, **store: Any) -> None:
        self.paths = RunPaths(root)
        self.model = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.BatchNorm1d(width))
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.train_step()
        self.tracked = Tracked()
        self.tracked.add("model", self.model)
        self.tracked.add("optimizer", self.optimizer)
        self.place = Place()
        self.place.begin_epoch(0)
        self.store = CheckpointStore(self.paths, **{"attempt": 1, "monitor": "val/loss", **store})
        self.store.prepare(self.tracked)

    def train_step(self) -> None:
        width = self.model[0].in_features
        self.model(torch.randn(4, width)).square().mean().backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def save(self, step: int, loss: float | None = None, **options: Any) -> Saved:
        metrics = {} if loss is None else {"val/loss": loss}
        return self.store.save(
            self.tracked,
            step=step,
            epoch=0,
            position=self.place.position(step),
            metrics=metrics,
            **{"claim_best": loss is not None, **options},
        )

    def names(self) -> list[str]:
        """Checkpoint folders there are."""
        return sorted(one.name for one in self.paths.checkpoints.iterdir() if one.name.startswith("step-"))

    def weights(self) -> torch.Tensor:
        return self.model[0].weight.detach()
