"""A tiny CNN on scikit-learn's digits, with the classic ways to train it badly within reach of an override.

guard run sample_runs/small/config.yaml params.lr=100 params.optimizer=sgd      explodes
guard run sample_runs/small/config.yaml params.train_images=60                  overfits
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import guardrun

DEFAULTS = {
    "seed": 1, "lr": 5e-3, "epochs": 24, "batch_size": 64, "train_images": 1200, "channels": 8,
    "weight_decay": 0.0, "optimizer": "adamw", "loss": "stable", "augment": True, "norm": True,
}  # fmt: skip


def load_digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels and labels from the file that scikit-learn has: importing it takes longer than this training."""
    found = find_spec("sklearn")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the images come with scikit-learn: pip install scikit-learn")
    table = np.loadtxt(Path(found.origin).parent / "datasets/data/digits.csv.gz", np.float32, delimiter=",")
    return torch.tensor(table[:, :-1]), torch.tensor(table[:, -1], dtype=torch.long)


def load_splits(train_images: int) -> tuple[TensorDataset, TensorDataset]:
    """The first ``train_images`` of a fixed shuffle, and the last 400 for validation."""
    images, labels = load_digits()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    x, y = images.reshape(-1, 1, 8, 8)[order] / 16, labels[order]
    return TensorDataset(x[:train_images], y[:train_images]), TensorDataset(x[-400:], y[-400:])


def make_model(channels: int, norm: bool) -> nn.Module:
    """Three convolutions and a linear head, some 3,000 weights; its batch normalisation can be left out."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(),
        nn.Conv2d(channels, 2 * channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(2 * channels, channels, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(),
        nn.BatchNorm1d(channels) if norm else nn.Identity(), nn.Linear(channels, 10),
    )  # fmt: skip


def naive_cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The formula from the textbook: fine until the model is so sure that p is 1, and 0 * log(0) is NaN."""
    p, y = logits.softmax(1), F.one_hot(labels, 10)
    return -(y * p.log() + (1 - y) * (1 - p).log()).sum(1).mean()


def shift(images: torch.Tensor) -> torch.Tensor:
    """The whole batch moved by up to one pixel in both directions."""
    down, right = torch.randint(-1, 2, (2,)).tolist()
    return torch.roll(images, (down, right), (2, 3))


@torch.no_grad()
def evaluate(model: nn.Module, data: TensorDataset) -> dict[str, float]:
    """Mean loss and accuracy over a whole split."""
    model.eval()
    images, labels = data.tensors
    logits = model(images)
    accuracy = (logits.argmax(1) == labels).float().mean()
    return {"val/loss": F.cross_entropy(logits, labels).item(), "val/accuracy": accuracy.item()}


def main() -> None:
    with guardrun.start(name="small", config=DEFAULTS) as run:
        p = run.params
        run.seed()
        train, val = load_splits(p.train_images)
        train, val = run.data("train", train), run.data("val", val)
        loader = DataLoader(train, batch_size=p.batch_size, shuffle=True, **run.loader_kwargs())
        model = make_model(p.channels, p.norm)
        make = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[p.optimizer]
        optimizer = make(model.parameters(), lr=p.lr, weight_decay=p.weight_decay)
        run.track(model=model, optimizer=optimizer)
        loss_of = {"stable": F.cross_entropy, "naive": naive_cross_entropy}[p.loss]

        for _ in run.epochs(p.epochs):
            model.train()
            for images, labels in run.steps(loader):
                loss = loss_of(model(shift(images) if p.augment else images), labels)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                run.log(loss=loss)
            run.evaluate(evaluate(model, val))


if __name__ == "__main__":
    main()
