"""Train a small CNN on scikit-learn's digits: 1,797 real images of 8 x 8 pixels, ten classes.

guard run sample_runs/digits/config.yaml --watch      under supervision
python sample_runs/digits/train.py                    alone; recorded all the same
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import guardrun

DEFAULTS = {"lr": 1e-3, "epochs": 36, "batch_size": 32, "width": 96, "dropout": 0.3, "decay": 1e-2}


def load_splits() -> dict[str, TensorDataset]:
    """Train, validation and test sets; the split is fixed, whatever the seed of the training."""
    images, labels = load_digits(return_X_y=True)
    rest, test = train_test_split(range(len(labels)), test_size=297, random_state=0, stratify=labels)
    train, val = train_test_split(rest, test_size=300, random_state=0, stratify=labels[rest])
    x = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    y = torch.tensor(labels)
    parts = {"train": train, "val": val, "test": test}
    return {name: TensorDataset(x[rows], y[rows]) for name, rows in parts.items()}


def make_model(width: int, dropout: float) -> nn.Module:
    """Two blocks of convolutions and a linear head."""
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(2 * width, 10),
    )  # fmt: skip


def shift(images: torch.Tensor) -> torch.Tensor:
    """Augmentation: each image moved by up to one pixel in both directions."""
    rows, columns = torch.randint(-1, 2, (2, len(images)))
    padded = F.pad(images, (1, 1, 1, 1))
    windows = padded.unfold(2, 8, 1).unfold(3, 8, 1)[:, 0]  # (image, 3 rows, 3 columns, 8, 8)
    return windows[torch.arange(len(images)), rows + 1, columns + 1][:, None]


@torch.no_grad()
def evaluate(model: nn.Module, data: TensorDataset) -> tuple[float, float]:
    """Mean loss and accuracy over a whole split."""
    model.eval()
    images, labels = data.tensors
    logits = model(images)
    return F.cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).float().mean().item()


def main() -> None:
    torch.set_num_threads(1)  # so small a network gains nothing from a second core but the wait for it
    with guardrun.start(name="digits", config=DEFAULTS) as run:
        p = run.params  # the defaults above, and what the command line or config.yaml puts over them
        run.seed(42)
        train, val, test = (run.data(name, split) for name, split in load_splits().items())
        loader = DataLoader(train, batch_size=p.batch_size, shuffle=True, **run.loader_kwargs())
        by_heart = run.sanity is not None and run.sanity.memorise  # `guard check` wants a few images learnt
        model = make_model(p.width, 0.0 if by_heart else p.dropout)
        optimizer = torch.optim.AdamW(model.parameters(), lr=p.lr, weight_decay=0.0 if by_heart else p.decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=p.epochs)
        run.track(model=model, optimizer=optimizer, scheduler=schedule)

        for _ in run.epochs(p.epochs):
            model.train()
            for images, labels in run.steps(loader):
                loss = F.cross_entropy(model(images if by_heart else shift(images)), labels)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                run.log(loss=loss)
            schedule.step()
            val_loss, val_accuracy = evaluate(model, val)
            run.evaluate({"val/loss": val_loss, "val/accuracy": val_accuracy})

        test_loss, test_accuracy = evaluate(model, test)  # once, after every choice was made
        run.evaluate({"test/loss": test_loss, "test/accuracy": test_accuracy})


if __name__ == "__main__":
    main()
