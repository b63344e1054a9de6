"""Lightning modules as small as can be, which fit a line; imported once a test of Lightning runs."""

from __future__ import annotations

from typing import Any

import lightning
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from guardrun.integrations.lightning import GuardCallback

QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}


def trainer(*callbacks: Any, **options: Any) -> lightning.Trainer:
    """One with guard's callback before these."""
    return lightning.Trainer(callbacks=[GuardCallback(), *callbacks], **QUIET, **options)


def loader(count: int = 64) -> DataLoader:
    torch.manual_seed(0)
    x = torch.randn(count, 4)
    return DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8)


class Line(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.line = torch.nn.Linear(4, 1)

    def training_step(self, batch, index):
        return F.mse_loss(self.line(batch[0]), batch[1])

    def validation_step(self, batch, index):
        self.log("val_loss", F.mse_loss(self.line(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


class ByHand(Line):
    """Two optimizers, stepped by the module itself."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.norms: list[float] = []

    def training_step(self, batch, index):
        one, other = self.optimizers()
        loss = super().training_step(batch, index)
        one.zero_grad()
        other.zero_grad()
        self.manual_backward(loss)
        self.norms.append(float(torch.stack([p.grad.norm() for p in self.parameters()]).norm()))
        one.step()
        other.step()

    def configure_optimizers(self):
        return torch.optim.SGD([self.line.weight], lr=0.01), torch.optim.SGD([self.line.bias], lr=0.01)
