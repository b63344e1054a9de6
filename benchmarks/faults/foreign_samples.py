"""Short logs in the manner of other tools, to be mutated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

_ROWS: Final = range(12)
_TEXTS: Final[dict[str, str]] = {
    "table.csv": "epoch,step,train_loss,val_loss,lr\n"
    + "".join(f"{at // 4},{at},{1 / (at + 1):.4f},{0.5 if at % 4 == 3 else ''},1e-3\n" for at in _ROWS),
    "results.csv": "epoch,train/box_loss,metrics/mAP50(B),lr/pg0\n"
    + "".join(f"{at},{2 / (at + 1)},0.{at}5,0.01\n" for at in _ROWS),
    "lines.jsonl": "".join(f'{{"step": {at}, "loss": {1 / (at + 1)}, "lr": 0.001}}\n' for at in _ROWS),
    "mmengine.json": "".join(
        json.dumps({"mode": "train", "epoch": 1, "iter": 50 * at, "loss": 0.5, "memory": 100}) + "\n"
        for at in _ROWS
    ),
    "trainer_state.json": json.dumps(
        {
            "best_metric": 0.4, "global_step": 60, "max_steps": 60,
            "log_history": [
                {"epoch": at / 5, "step": at * 5, "loss": 1 / (at + 1), "learning_rate": 1e-5} for at in _ROWS
            ] + [{"epoch": 2.0, "step": 60, "eval_loss": 0.4, "eval_runtime": 1.5}],
        },
        indent=1,
    ),
    "nanogpt.log": "".join(
        f"step {at * 250}: train loss {4 / (at + 1):.4f}, val loss {4.1 / (at + 1):.4f}\n"
        f"iter {at * 250}: loss {4 / (at + 1):.4f}, time 12.05ms, mfu 3.10%\n" for at in _ROWS
    ),
    "megatron.log": "".join(
        f" iteration {at * 100:8d}/ 5000 | elapsed time per iteration (ms): 10.0 | learning rate: 1E-4 | "
        f"lm loss: {5 / (at + 1):.6E} | loss scale: 1.0 | number of nan iterations: 0 |\n" for at in _ROWS
    ),
    "examples.log": "".join(
        f"Epoch: [0][{at * 10:4d}/5005]\tTime  0.5 ( 0.6)\tLoss 6.{at} (7.0)\tAcc@1 1.0\n" for at in _ROWS
    ) + " *   Acc@1 20.5 Acc@5 45.2\n",
    "mnist.log": "".join(f"Train Epoch: 1 [{at * 640}/60000 ({at}%)]\tLoss: 2.{at}\n" for at in _ROWS)
    + "Test set: Average loss: 0.1, Accuracy: 9000/10000 (90%)\n",
    "fairseq.log": "".join(
        f'2024-01-01 00:00:0{at % 10} | INFO | train_inner | {{"epoch": 1, "loss": "9.{at}", '
        f'"num_updates": "{at * 100}", "lr": "1e-05"}}\n' for at in _ROWS
    ),
    "deepspeed.log": "".join(
        f"[2023-04-18 01:46:{at:02d},142] [INFO] [logging.py:96] [Rank 0] step={at * 10}, skipped=0, "
        f"lr=[9.6e-06], mom=[(0.9, 0.95)]\nModel Parameters: 1.3B, Loss: 2.{at}\n" for at in _ROWS
    ),
}  # fmt: skip


def write_samples(folder: Path) -> list[Path]:
    """The samples as files, TensorBoard's among them."""
    from torch.utils.tensorboard import SummaryWriter

    folder.mkdir()
    for name, text in _TEXTS.items():
        (folder / name).write_text(text)
    writer = SummaryWriter(str(folder / "board"))
    for at in _ROWS:
        writer.add_scalar("Loss/train", 1 / (at + 1), at)
        writer.add_scalar("Loss/val", 0.5, at)
    writer.close()
    return sorted(path for path in folder.rglob("*") if path.is_file())
