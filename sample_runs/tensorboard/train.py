"""A regression on scikit-learn's diabetes data that logs to TensorBoard, as it always has.

guard run sample_runs/tensorboard/config.yaml --watch
"""

from __future__ import annotations

import argparse

import torch
from sklearn.datasets import load_diabetes
from torch.nn import functional as F
from torch.utils.tensorboard import SummaryWriter

import guardrun


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--epochs", type=int, default=20)
    options.add_argument("--nan-at", type=int, default=0)
    asked = options.parse_args()

    guard = guardrun.integrations.tensorboard.mirror()
    torch.manual_seed(0)
    x, y = (torch.tensor(a, dtype=torch.float32) for a in load_diabetes(return_X_y=True))
    x, y = x / x.std(0), ((y - y.mean()) / y.std())[:, None]
    model = torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    step = 0
    with SummaryWriter("tensorboard-logs") as writer:
        for epoch in range(asked.epochs):
            for inputs, targets in zip(x[:350].split(32), y[:350].split(32), strict=True):
                step += 1
                optimizer.zero_grad()
                loss = F.mse_loss(model(inputs), targets)
                if asked.nan_at and step >= asked.nan_at:
                    loss = loss * float("nan")
                loss.backward()
                optimizer.step()
                writer.add_scalar("Loss/train", loss, step)
                if guard.should_stop:
                    torch.save({"model": model.state_dict(), "step": step}, "last.pt")
                    guard.run.register_checkpoint("last.pt")
                    return
            with torch.no_grad():
                writer.add_scalar("Loss/val", F.mse_loss(model(x[350:]), y[350:]), step)
            writer.add_scalar("lr", optimizer.param_groups[0]["lr"], step)
            writer.add_scalar("epoch", epoch, step)


if __name__ == "__main__":
    main()
