"""A regression on scikit-learn's diabetes data, by a loop with Accelerate.

guard run sample_runs/accelerate/config.yaml --watch
"""

from __future__ import annotations

import argparse

import torch
from accelerate import Accelerator
from sklearn.datasets import load_diabetes
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

import guardrun


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--epochs", type=int, default=20)
    options.add_argument("--nan-at", type=int, default=0)
    asked = options.parse_args()

    guard = guardrun.integrations.accelerate.GuardTracker()
    accelerator = Accelerator(
        log_with=[guard], gradient_accumulation_steps=2, project_dir="accelerate-checkpoints", cpu=True
    )
    accelerator.init_trackers("diabetes", config={"lr": 1e-2, "batch_size": 32})
    torch.manual_seed(0)
    x, y = (torch.tensor(a, dtype=torch.float32) for a in load_diabetes(return_X_y=True))
    x, y = x / x.std(0), ((y - y.mean()) / y.std())[:, None]
    model = torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    loader = DataLoader(TensorDataset(x[:350], y[:350]), batch_size=32, shuffle=True)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    if guard.resume_from:
        accelerator.load_state(guard.resume_from)

    for epoch in range(asked.epochs):
        for inputs, targets in loader:
            with accelerator.accumulate(model):
                loss = F.mse_loss(model(inputs), targets)
                if asked.nan_at and guard.tracker.step + 1 >= asked.nan_at:
                    loss = loss * float("nan")
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
            if accelerator.sync_gradients:
                accelerator.log({"loss": loss, "epoch": epoch})
            if guard.should_stop(accelerator):
                accelerator.end_training()
                return
        with torch.no_grad():
            accelerator.log({"val_loss": F.mse_loss(model(x[350:]), y[350:]), "epoch": epoch})
        accelerator.save_state(f"accelerate-checkpoints/epoch-{epoch}")
    accelerator.end_training()


if __name__ == "__main__":
    main()
