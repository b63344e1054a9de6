"""A small network on scikit-learn's digits, by PyTorch Lightning.

guard run sample_runs/lightning/config.yaml --watch
"""

from __future__ import annotations

import argparse

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from sklearn.datasets import load_digits
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import guardrun


class Digits(lightning.LightningModule):
    def __init__(self, lr: float = 0.1, nan_at: int = 0) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        x, y = batch
        loss = F.cross_entropy(self.net(x), y)
        if self.hparams.nan_at and self.global_step + 1 >= self.hparams.nan_at:
            loss = loss * float("nan")
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
        x, y = batch
        scores = self.net(x)
        self.log("val_loss", F.cross_entropy(scores, y))
        self.log("val_accuracy", (scores.argmax(1) == y).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--epochs", type=int, default=8)
    options.add_argument("--nan-at", type=int, default=0)
    options.add_argument("--devices", type=int, default=1)
    asked = options.parse_args()

    lightning.seed_everything(0)
    x, y = load_digits(return_X_y=True)
    data = TensorDataset(torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y))
    train, held_out = torch.utils.data.random_split(data, [1400, 397])
    guard = guardrun.integrations.lightning.GuardCallback()
    trainer = lightning.Trainer(
        max_epochs=asked.epochs, accelerator="cpu", devices=asked.devices,
        accumulate_grad_batches=2, gradient_clip_val=1.0,
        callbacks=[guard, ModelCheckpoint(monitor="val_loss", save_top_k=2, save_last=True)],
        default_root_dir="lightning-checkpoints", logger=False, enable_progress_bar=False,
    )  # fmt: skip
    loaders = DataLoader(train, batch_size=32, shuffle=True), DataLoader(held_out, batch_size=64)
    trainer.fit(Digits(nan_at=asked.nan_at), *loaders, ckpt_path=guard.resume_from)


if __name__ == "__main__":
    main()
