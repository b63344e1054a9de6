"""Kinds of healthy training that detectors trip over: each yields the points of one run."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from guardrun.signals.model import Point


def _run(
    rng: random.Random,
    steps: int,
    every: int,
    train: Callable[[int], float],
    val: Callable[[int], Mapping[str, float]],
    extra: Callable[[int], Mapping[str, float]] = lambda step: {},
) -> Iterator[Point]:
    yield Point("phase", 0, 0, 0.0, {"total_steps": float(steps)}, text="train")
    t = 0.0
    for step in range(1, steps + 1):
        t += 0.2 * math.exp(rng.gauss(0, 0.05))
        yield Point("metrics", step, step // every, t, {"train/loss": train(step), **extra(step)})
        if step % every == 0:
            yield Point("eval", step, step // every, t, dict(val(step)))


def classifier(rng: random.Random) -> Iterator[Point]:
    """Exponential decay with the noise of mini-batches; accuracy grows; the rate follows a cosine."""
    steps, every = rng.choice([(300, 10), (3000, 100), (5000, 50)])
    noise = rng.uniform(0.02, 0.3)

    def level(step: int) -> float:
        return 0.1 + 2.2 * math.exp(-5 * step / steps)

    return _run(
        rng, steps, every,
        lambda s: level(s) * math.exp(rng.gauss(0, noise)),
        lambda s: {
            "val/loss": level(s) * 1.1 * math.exp(rng.gauss(0, noise / 8)),
            "val/accuracy": min(1.0, 1 - level(s) / 3 + rng.gauss(0, 0.01)),
        },
        lambda s: {
            "lr": 0.1 * 0.5 * (1 + math.cos(math.pi * s / steps)),
            "grad_norm": level(s) * math.exp(rng.gauss(0, 0.4)),
        },
    )  # fmt: skip


def autoencoder_below_zero(rng: random.Random) -> Iterator[Point]:
    """A likelihood that falls from 9e4 through zero to -4.6e4."""
    scale = rng.choice([1.0, 1e-3, 1e3])

    def level(step: int) -> float:
        return scale * (-4.6e4 + 13.6e4 * math.exp(-6 * step / 2000))

    return _run(
        rng, 2000, 50,
        lambda s: level(s) + scale * rng.gauss(0, 1.5e3),
        lambda s: {"val/loss": level(s) + scale * (600 + rng.gauss(0, 300))},
    )  # fmt: skip


def memorised(rng: random.Random) -> Iterator[Point]:
    """The training loss falls to 1e-6 with heavy tails; the validation loss stays where it was best."""

    def level(step: int) -> float:
        return max(1e-6, 2.3 * math.exp(-14 * step / 2000))

    return _run(
        rng, 2000, 40,
        lambda s: level(s) * math.exp(rng.gauss(0, 1.0)),
        lambda s: {
            "val/loss": 0.5 + 1.8 * math.exp(-8 * s / 2000) + rng.gauss(0, 0.01),
            "val/accuracy": 0.85 - 0.5 * math.exp(-8 * s / 2000) + rng.gauss(0, 0.003),
        },
    )  # fmt: skip


def step_decay(rng: random.Random) -> Iterator[Point]:
    """The rate falls to a tenth twice, and the loss with it, after long plateaus."""

    def drops(step: int) -> int:
        return (step > 1500) + (step > 2250)

    def level(step: int) -> float:
        return (1.0, 0.55, 0.45)[drops(step)] * (1 + 1.5 * math.exp(-step / 150))

    return _run(
        rng, 3000, 100,
        lambda s: level(s) * math.exp(rng.gauss(0, 0.1)),
        lambda s: {"val/loss": level(s) * 1.2 + rng.gauss(0, 0.02)},
        lambda s: {"lr": 0.1 * 0.1 ** drops(s)},
    )  # fmt: skip


def warm_restarts(rng: random.Random) -> Iterator[Point]:
    """Four cosine cycles: at each restart the losses jump up and come down below where they were."""

    def place(step: int) -> float:
        return (step % 750) / 750

    def level(step: int) -> float:
        cycle = step // 750
        return (1.2 - 0.2 * cycle) * (1 + 0.6 * math.exp(-4 * place(step)) * (cycle > 0)) + 1.5 * math.exp(
            -step / 150
        )

    return _run(
        rng, 3000, 50,
        lambda s: level(s) * math.exp(rng.gauss(0, 0.08)),
        lambda s: {"val/loss": level(s) * 1.05 + rng.gauss(0, 0.01)},
        lambda s: {"lr": 0.05 * (1 + math.cos(math.pi * place(s)))},
    )  # fmt: skip


def language_model(rng: random.Random) -> Iterator[Point]:
    """A power law with spikes of the loss and the gradient norm that recover."""
    spikes = {rng.randrange(500, 5000) for _ in range(6)}

    def level(step: int) -> float:
        spike = sum(2.0 * math.exp(-(step - s) / 8) for s in spikes if 0 <= step - s < 60)
        return 2.6 + 8.0 * (step + 5) ** -0.4 + spike

    return _run(
        rng, 5000, 250,
        lambda s: level(s) + rng.gauss(0, 0.05),
        lambda s: {"val/loss": 2.65 + 8.0 * (s + 5) ** -0.4 + rng.gauss(0, 0.004)},
        lambda s: {
            "lr": 6e-4 * min(1.0, s / 500) * (1 - 0.9 * s / 5000),
            "grad_norm": math.exp(rng.gauss(0, 0.3)) * (8 if any(0 <= s - p < 3 for p in spikes) else 1),
        },
    )  # fmt: skip


def fine_tuning(rng: random.Random) -> Iterator[Point]:
    """Three epochs from a trained model: the loss moves little, its norms are huge, evaluations are few."""

    def level(step: int) -> float:
        return 0.42 - 0.12 * (1 - math.exp(-3 * step / 900))

    return _run(
        rng, 900, 100,
        lambda s: level(s) * math.exp(rng.gauss(0, 0.25)),
        lambda s: {
            "val/loss": level(s) * 1.08 + rng.gauss(0, 0.004),
            "val/f1": 0.9 - level(s) / 2 + rng.gauss(0, 0.004),
        },
        lambda s: {"lr": 2e-5 * (1 - s / 900), "grad_norm": 1e6 * math.exp(rng.gauss(0, 0.7))},
    )  # fmt: skip


def dropout(rng: random.Random) -> Iterator[Point]:
    """The training loss lies above the validation loss all the way; the validation set is small."""

    def level(step: int) -> float:
        return 0.3 + 2.0 * math.exp(-4 * step / 2500)

    return _run(
        rng, 2500, 50,
        lambda s: 1.4 * level(s) * math.exp(rng.gauss(0, 0.2)),
        lambda s: {
            "val/loss": level(s) * math.exp(rng.gauss(0, 0.08)),
            "val/accuracy": 1 - level(s) / 3 + rng.gauss(0, 0.03),
        },
    )  # fmt: skip


def half_precision(rng: random.Random) -> Iterator[Point]:
    """A dynamic loss scale: 2 % of the steps overflow and are skipped."""

    def level(step: int) -> float:
        return 1.0 + 2.0 * math.exp(-4 * step / 3000)

    def extra(step: int) -> Mapping[str, float]:
        overflow = rng.random() < 0.02
        return {
            "grad_norm": math.inf if overflow else rng.uniform(0.5, 2),
            "loss_scale": 2.0 ** (16 - (step // 700) % 3),
        }

    return _run(
        rng, 3000, 100,
        lambda s: level(s) * math.exp(rng.gauss(0, 0.1)),
        lambda s: {"val/loss": level(s) + rng.gauss(0, 0.01)},
        extra,
    )  # fmt: skip


def one_value_an_epoch(rng: random.Random) -> Iterator[Point]:
    """What Keras logs: a running loss and a validation loss an epoch; small data, noisy validation."""
    epochs, noise = rng.choice([(12, 0.03), (30, 0.1), (60, 0.15), (150, 0.2)])

    def level(step: int) -> float:
        return 0.4 + 1.5 * math.exp(-4 * step / epochs)

    return _run(
        rng,
        epochs,
        1,
        lambda s: level(s) * math.exp(rng.gauss(0, 0.02)),
        lambda s: {
            "val/loss": (level(s) + 0.08) * math.exp(rng.gauss(0, noise)),
            "val/accuracy": 1 - level(s) / 3 + rng.gauss(0, noise / 5),
        },
    )


def converged_early(rng: random.Random) -> Iterator[Point]:
    """Done after a fifth of the run: the training loss creeps down, the validation is flat and noisy."""

    def level(step: int) -> float:
        return 0.5 + 1.8 * math.exp(-20 * step / 2000)

    noise = rng.choice([0.01, 0.05, 0.12])
    return _run(
        rng,
        2000,
        20,
        lambda s: (level(s) - 0.1 * s / 2000) * math.exp(rng.gauss(0, 0.1)),
        lambda s: {"val/loss": level(s) * 1.1 * math.exp(rng.gauss(0, noise))},
    )


def noisy_policy(rng: random.Random) -> Iterator[Point]:
    """Reinforcement learning: the return is what counts, the loss of the critic grows with it."""

    def gained(step: int) -> float:
        return 1 - math.exp(-4 * step / 3000)

    return _run(
        rng,
        3000,
        50,
        lambda s: (0.2 + 2 * gained(s)) * math.exp(rng.gauss(0, 0.5)),
        lambda s: {"val/return": 500 * gained(s) + rng.gauss(0, 40)},
    )


def late_bloomer(rng: random.Random) -> Iterator[Point]:
    """Flat at chance for a quarter of the run, then it breaks through."""

    def level(step: int) -> float:
        return 4.44 - 2.2 / (1 + math.exp(-(step - 600) / 40))

    return _run(
        rng, 2000, 20,
        lambda s: level(s) + rng.gauss(0, 0.03),
        lambda s: {"val/loss": level(s) + rng.gauss(0, 0.004), "val/accuracy": 0.02 + (4.44 - level(s)) / 8},
    )  # fmt: skip


KINDS: Final[Mapping[str, Callable[[random.Random], Iterator[Point]]]] = {
    kind.__name__: kind
    for kind in (
        classifier, autoencoder_below_zero, memorised, step_decay, warm_restarts, language_model, fine_tuning,
        dropout, half_precision, one_value_an_epoch, converged_early, noisy_policy, late_bloomer,
    )
}  # fmt: skip
