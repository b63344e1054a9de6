"""A plain loop with its own ``torch.save``: what it takes to let guard stop it and prove its checkpoint.

guard run sample_runs/own_checkpoints/config.yaml
"""

from __future__ import annotations

from pathlib import Path

import torch
from sklearn.datasets import load_diabetes

import guardrun


def main() -> None:
    torch.manual_seed(0)
    x, y = (torch.tensor(a, dtype=torch.float32) for a in load_diabetes(return_X_y=True))
    x, y = x / x.std(0), ((y - y.mean()) / y.std())[:, None]
    model = torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)

    with guardrun.start(name="own-checkpoints") as run:
        folder = Path("checkpoints-of-mine")
        folder.mkdir(exist_ok=True)

        def save(step: int, **metrics: float) -> None:
            path = folder / f"{run.id}-{step}.pt"
            torch.save({"model": model.state_dict(), "step": step}, path)
            run.register_checkpoint(path, metrics=metrics, step=step)

        @run.on_stop
        def save_before_leaving(step: int) -> None:
            save(step)

        for step in range(1, 2001):
            loss = (model(x[:350]) - y[:350]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(step=step, loss=loss)
            if step % 200 == 0:
                with torch.no_grad():
                    val_loss = (model(x[350:]) - y[350:]).square().mean().item()
                run.log({"val/loss": val_loss}, step=step)
                save(step, **{"val/loss": val_loss})
            if run.should_stop:
                break


if __name__ == "__main__":
    main()
