"""A small network on scikit-learn's digits, by Keras 3 on PyTorch.

guard run sample_runs/keras/config.yaml --watch
"""

from __future__ import annotations

import argparse
import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
from sklearn.datasets import load_digits

import guardrun


class Faulty(keras.losses.SparseCategoricalCrossentropy):
    """With ``nan_at`` it is NaN from that batch on."""

    nan_at, batches = 0, 0

    def call(self, y_true, y_pred):  # noqa: ANN001, ANN201
        loss = super().call(y_true, y_pred)
        self.batches += y_pred.requires_grad
        return loss * float("nan") if self.nan_at and self.batches >= self.nan_at else loss


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--epochs", type=int, default=8)
    options.add_argument("--nan-at", type=int, default=0)
    asked = options.parse_args()

    keras.utils.set_random_seed(0)
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype("float32")
    layers = [keras.Input((64,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential(layers)
    loss = Faulty()
    loss.nan_at = asked.nan_at
    model.compile(keras.optimizers.Adam(1e-2), loss=loss, metrics=["accuracy"])
    model.fit(
        x[:1400], y[:1400], batch_size=64, epochs=asked.epochs, verbose=0,
        validation_data=(x[1400:], y[1400:]),
        callbacks=[
            keras.callbacks.ModelCheckpoint("keras-checkpoints/best.keras", save_best_only=True),
            keras.callbacks.BackupAndRestore("keras-checkpoints/backup"),
            keras.callbacks.TerminateOnNaN(),
            guardrun.integrations.keras.GuardCallback(),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
