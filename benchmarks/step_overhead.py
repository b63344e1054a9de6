"""What guard costs a real step: log, gradient norm, data time, with a supervisor beside it, against none.

``python benchmarks/step_overhead.py``: a transformer of a million parameters and an MLP on the processor, one
thread. Blocks of steps with guard (B) lie between blocks without (A, A'), in one process and on the same
weights, gradients and optimizer state, so that no way has the luckier place in memory; A' against A, which
differ in nothing, is the noise that the numbers have to be read with. Takes some two minutes.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

if __package__ in (None, ""):
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.measurement import Result, table

CYCLES: Final = int(os.environ.get("GUARD_OVERHEAD_CYCLES", "400"))
BLOCK_S: Final = 0.02
"""Steps of a block take about so long: what disturbs one disturbs its neighbours too."""
CASES: Final = {
    "transformer, user's clipping": ("transformer", True, 1.0),
    "transformer, norm by guard": ("transformer", False, 3.0),
    "mlp, user's clipping": ("mlp", True, 1.0),
    "mlp, norm by guard": ("mlp", False, 3.0),
    "a step of nothing, user's clipping": ("tiny", True, 100.0),
    "a step of nothing, norm by guard": ("tiny", False, 150.0),
}
"""Model, whether the script clips, and the aim: percent of a step; of one of nothing, microseconds."""


def measure() -> list[Result]:
    """Each case in a process of its own, with a supervisor of its own."""
    results = []
    for name, (model, clips, aim) in CASES.items():
        with tempfile.TemporaryDirectory(prefix="guard-step-") as folder:
            command = [sys.executable, "-m", "benchmarks.step_overhead", model, str(int(clips)), folder]
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        found = json.loads(done.stdout.splitlines()[-1])
        overhead = found["overhead"]
        if model == "tiny":
            overhead *= 10 * found["step_ms"]
            results.append(Result(name, overhead, aim, "µs of guard's own, whatever the model computes"))
            continue
        unit = (
            f"% of {found['step_ms']:.2g} ms; noise (A/A) {found['low']:+.2f} to {found['high']:+.2f} %; "
            f"by the clock {found['clock']:+.2f} %; supervisor {found['supervisor']:.1f} % of a core"
        )
        results.append(Result(name, overhead, aim, unit))
    return results


class Training:
    """A model, its optimizer and its batches; ``step`` is what a user's loop does."""

    def __init__(self, kind: str, clips: bool) -> None:
        import torch

        torch.manual_seed(0)
        self.clips = clips
        self.torch = torch
        build: Callable[[], tuple[Any, list[Any]]] = {
            "transformer": _transformer, "mlp": _mlp, "tiny": _tiny,
        }[kind]  # fmt: skip
        self.model, self.batches = build()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4)

    def twin(self) -> Training:
        """The same weights and the same optimizer state under an optimizer that nobody follows."""
        other = copy.copy(self)
        other.optimizer = self.torch.optim.AdamW(self.model.parameters(), lr=1e-4)
        other.optimizer.state = self.optimizer.state
        return other

    def step(self, batch: Any) -> Any:
        inputs, targets = batch
        out = self.model(inputs)
        loss = self.torch.nn.functional.cross_entropy(out.flatten(0, -2), targets.flatten())
        loss.backward()
        if self.clips:
            self.torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss

    def loader(self) -> Iterator[Any]:
        return itertools.cycle(self.batches)


def _tiny() -> tuple[Any, list[Any]]:
    import torch

    layers = [torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.Linear(4, 4), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(4, 4)), [(torch.randn(4, 4), torch.randint(4, (4,)))]


def _mlp() -> tuple[Any, list[Any]]:
    import torch

    layers = [torch.nn.Linear(256, 1024), torch.nn.ReLU(), torch.nn.Linear(1024, 640), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(640, 10))
    return model, [(torch.randn(64, 256), torch.randint(10, (64,))) for _ in range(16)]


def _transformer() -> tuple[Any, list[Any]]:
    import torch

    class Model(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embed = torch.nn.Embedding(512, 144)
            layer = torch.nn.TransformerEncoderLayer(144, 4, 576, dropout=0.0, batch_first=True)
            self.layers = torch.nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
            self.head = torch.nn.Linear(144, 512, bias=False)
            self.head.weight = self.embed.weight

        def forward(self, tokens: Any) -> Any:
            return self.head(self.layers(self.embed(tokens)))

    return Model(), [(torch.randint(512, (8, 64)), torch.randint(512, (8, 64))) for _ in range(16)]


def _timed(step: Callable[[], None], steps: int) -> tuple[float, float]:
    """Processor and clock seconds a step."""
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step()
    return (time.process_time() - processor) / steps, (time.perf_counter() - clock) / steps


def _plain(training: Training) -> Callable[[], None]:
    batches = training.loader()
    return lambda: training.step(next(batches))


def _guarded(training: Training, run: Any) -> Callable[[], None]:
    batches = iter(run.steps(training.loader()))
    return lambda: run.log(loss=training.step(next(batches)))


def _measure_here(kind: str, clips: bool, folder: Path) -> dict[str, float]:
    import torch
    from torch.nn.utils import clip_grad

    import guardrun

    torch.set_num_threads(1)
    followed = Training(kind, clips)
    original = clip_grad._get_total_norm
    with guardrun.start("step-cost", runs_dir=folder) as run:
        run.track(model=followed.model, optimizer=followed.optimizer)
        listening = clip_grad._get_total_norm
        ways = {
            "A": (_plain(followed.twin()), original), "A'": (_plain(followed.twin()), original),
            "B": (_guarded(followed, run), listening),
        }  # fmt: skip
        seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for step, _ in ways.values():
            steps = max(1, round(BLOCK_S / _timed(step, 5)[1]))
        assert run.path is not None
        with _supervised(run.path) as supervisor:
            begun, used = time.monotonic(), supervisor()
            for cycle in range(CYCLES):
                order = list(ways)
                random.Random(cycle).shuffle(order)
                for name in order:
                    step, clip_grad._get_total_norm = ways[name]
                    seconds[name].append(_timed(step, steps))
            share = (supervisor() - used) / (time.monotonic() - begun)
            clip_grad._get_total_norm = listening
    return {**_told(seconds), "supervisor": 100 * share}


@contextmanager
def _supervised(run: Path) -> Iterator[Callable[[], float]]:
    """A real supervisor on this very process; its processor seconds so far."""
    import psutil

    command = [sys.executable, "-m", "guardrun.cli.main", "run", "--attach", str(run)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        log = run / "supervisor.jsonl"
        while not log.exists():
            if process.poll() is not None:
                raise RuntimeError(f"the supervisor ended with {process.returncode}")
            time.sleep(0.05)

        def used() -> float:
            of_all = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            return sum(sum(one.cpu_times()[:2]) for one in of_all)

        yield used
    finally:
        process.kill()
        process.wait()


def _told(seconds: dict[str, list[tuple[float, float]]]) -> dict[str, float]:
    """B against A and A'; and, as the noise, A' against A with its spread over samples drawn again.

    The lower fifth of the blocks' times stands for each: what others do on the machine only adds to them.
    """
    processor, clock = (
        {name: [one[part] for one in all_] for name, all_ in seconds.items()} for part in (0, 1)
    )
    draw = random.Random(0)
    noise = sorted(
        _more(draw.choices(processor["A'"], k=CYCLES), draw.choices(processor["A"], k=CYCLES))
        for _ in range(1000)
    )
    return {
        "step_ms": 1000 * _fifth(processor["A"]),
        "overhead": _more(processor["B"], processor["A"] + processor["A'"]),
        "clock": _more(clock["B"], clock["A"] + clock["A'"]),
        "low": noise[25],
        "high": noise[975],
    }


def _fifth(times: list[float]) -> float:
    return statistics.quantiles(times, n=5)[0]


def _more(times: list[float], floor: list[float]) -> float:
    return 100 * (_fifth(times) / _fifth(floor) - 1)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(_measure_here(sys.argv[1], sys.argv[2] == "1", Path(sys.argv[3]))))
    else:
        found = measure()
        print(table(found))
        sys.exit(0 if all(one.held for one in found) else 1)
