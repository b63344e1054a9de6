"""A YOLO that learns to find bright rectangles in images drawn here, by Ultralytics; nothing is downloaded.

guard run sample_runs/ultralytics/config.yaml --watch
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from ultralytics import YOLO

import guardrun

SIZE = 64


def draw(folder: Path) -> Path:
    """A dozen images with their boxes, and the description that Ultralytics reads."""
    random = np.random.default_rng(0)
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for index in range(12):
        pixels = random.integers(0, 80, (SIZE, SIZE, 3), dtype=np.uint8)
        x, y, wide, high = random.integers((4, 4, 16, 16), (28, 28, 32, 32))
        pixels[y : y + high, x : x + wide] = 220
        Image.fromarray(pixels).save(folder / "images" / f"{index}.png")
        box = np.array([x + wide / 2, y + high / 2, wide, high]) / SIZE
        text = " ".join(["0", *(f"{one:.4f}" for one in box)])
        (folder / "labels" / f"{index}.txt").write_text(text + "\n")
    described = folder / "data.yaml"
    described.write_text(f"path: {folder.resolve()}\ntrain: images\nval: images\nnames: [rectangle]\n")
    return described


def spoil(at: int) -> Callable[[Any], None]:
    """The loss is NaN from this batch on."""

    def train_start(trainer: Any) -> None:
        batches = 0

        def hook(module: Any, args: Any, output: Any) -> Any:
            nonlocal batches
            if not module.training:
                return output
            batches += 1
            bad = float("nan") if batches >= at else 1.0
            loss, items = output
            return loss * bad, {name: one * bad for name, one in items.items()}

        trainer.model.register_forward_hook(hook)

    return train_start


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--epochs", type=int, default=6)
    options.add_argument("--nan-at", type=int, default=0)
    asked = options.parse_args()

    data = draw(Path("ultralytics-data"))
    checkpoint = guardrun.integrations.ultralytics.resume_from()
    model = YOLO(checkpoint or "yolo11n.yaml")
    guardrun.integrations.ultralytics.attach(model)
    if asked.nan_at:
        model.add_callback("on_train_start", spoil(asked.nan_at))
    model.train(
        data=str(data), resume=bool(checkpoint), epochs=asked.epochs, imgsz=SIZE, batch=4, nbs=8, lr0=0.01,
        optimizer="AdamW", warmup_epochs=0, workers=0, amp=False, plots=False, device="cpu", pretrained=False,
        verbose=False, project=str(Path("ultralytics-checkpoints").resolve()), name="train", exist_ok=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
