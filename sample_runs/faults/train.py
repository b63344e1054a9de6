"""A small network on scikit-learn's digits in which one chosen thing goes wrong, for real.

guard run sample_runs/faults/config.yaml params.fault=hang                   blocks at step 100
guard run sample_runs/faults/config.yaml params.fault=bad_batches            spikes and recovers
guard run sample_runs/faults/config.yaml params.lr_growth=1.05               explodes after a good start
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from breakages import BREAKAGES, limit_memory
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import guardrun

DEFAULTS = {
    "fault": "none", "at": 100, "lasting": 5, "wait": 0.02, "megabytes": 4, "memory": None,
    "lr": 0.03, "lr_growth": 1.0, "momentum": 0.9, "clip": None, "epochs": 12, "batch_size": 32,
    "train_images": 1397, "width": 64, "layers": 2, "activation": "relu", "head": "softmax", "bias": 0.0,
    "pixels": 1.0, "precision": "single", "pace": 0.0,
}  # fmt: skip


def load_digits() -> tuple[Tensor, Tensor]:
    """Pixels and labels from the file that scikit-learn has: importing it takes longer than this training."""
    found = find_spec("sklearn")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the images come with scikit-learn: pip install scikit-learn")
    table = np.loadtxt(Path(found.origin).parent / "datasets/data/digits.csv.gz", np.float32, delimiter=",")
    return torch.tensor(table[:, :-1]), torch.tensor(table[:, -1], dtype=torch.long)


def load_splits(train_images: int, largest: float) -> tuple[TensorDataset, TensorDataset]:
    """The first ``train_images`` of a fixed shuffle, and the last 400 for validation."""
    images, labels = load_digits()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    x, y = images[order] / 16 * largest, labels[order]
    return TensorDataset(x[:train_images], y[:train_images]), TensorDataset(x[-400:], y[-400:])


class Network(nn.Module):
    """``layers`` hidden layers of one width and a linear head."""

    def __init__(self, width: int, layers: int, activation: str, bias: float) -> None:
        super().__init__()
        make = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[activation]
        blocks = [(nn.Linear(64 if n == 0 else width, width), make()) for n in range(layers)]
        self.body = nn.Sequential(*(module for block in blocks for module in block))
        self.head = nn.Linear(width, 10)
        for linear, _ in blocks:
            linear.bias.data += bias

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits and the hidden activations that they come from."""
        hidden = self.body(images)
        return self.head(hidden), hidden


def loss_of(head: str, logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy, or the squared error of ten sigmoids."""
    if head == "softmax":
        return F.cross_entropy(logits, labels)
    return F.mse_loss(logits.float().sigmoid(), F.one_hot(labels, 10).float(), reduction="mean")


@torch.no_grad()
def evaluate(model: nn.Module, data: TensorDataset, head: str) -> dict[str, float]:
    """Mean loss and accuracy over a whole split."""
    images, labels = data.tensors
    logits, _ = model(images)
    accuracy = (logits.argmax(1) == labels).float().mean()
    return {"val/loss": loss_of(head, logits, labels).item(), "val/accuracy": accuracy.item()}


def main() -> None:
    torch.set_num_threads(1)
    with guardrun.start(name="faults", config=DEFAULTS) as run:
        p = run.params
        run.seed()
        if run.world_size > 1:
            dist.init_process_group("gloo")
        breakage = BREAKAGES[p.fault](run)
        train, val = load_splits(p.train_images, p.pixels)
        loader = DataLoader(breakage.data(train), p.batch_size, shuffle=True, **run.loader_kwargs())
        model = Network(p.width, p.layers, p.activation, p.bias)
        optimizer = torch.optim.SGD(model.parameters(), lr=p.lr, momentum=p.momentum)
        half = p.precision == "half"
        scaler = torch.amp.GradScaler("cpu", enabled=half, growth_interval=200)
        parallel = nn.parallel.DistributedDataParallel(model) if run.world_size > 1 else model
        run.track(model=model, optimizer=optimizer, **({"scaler": scaler} if half else {}))
        limit_memory(p.memory)

        for _ in run.epochs(p.epochs):
            for images, labels in run.steps(loader):
                begun = time.perf_counter()
                with torch.autocast("cpu", dtype=torch.float16, enabled=half):
                    logits, hidden = parallel(breakage.batch(images))
                    loss = loss_of(p.head, logits, labels) + breakage.extra_loss(hidden)
                time.sleep(max(0.0, p.pace - (time.perf_counter() - begun)))
                breakage.step()
                scaler.scale(loss).backward()
                scaler.unscale_(optimizer)
                if p.clip is not None:
                    nn.utils.clip_grad_norm_(model.parameters(), p.clip)
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad()
                run.log(loss=loss)
                if run.step >= p.at:
                    optimizer.param_groups[0]["lr"] *= p.lr_growth
            run.evaluate(evaluate(model, val, p.head))


if __name__ == "__main__":
    main()
