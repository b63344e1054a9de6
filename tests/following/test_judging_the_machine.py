"""What the machine and other ranks told is judged at its place in time, as a supervisor saw it."""

from __future__ import annotations

from guardrun.events.encode import encode
from guardrun.following.judging import RunJudge
from guardrun.reading.columns import ColumnReader
from guardrun.series.store import SYSTEM, SeriesStore
from guardrun.signals.context import EngineSettings

T = 1_700_000_000.0
GIB = 2.0**30


def judged(rank0: list[dict], system: list[dict], others: dict[int, list[dict]] | None = None) -> RunJudge:
    """The lines of the files as the follower would read them, judged to the end."""
    store, events = SeriesStore(), []
    for rank, lines in {0: rank0, SYSTEM: system, **(others or {})}.items():
        batch = ColumnReader().read(b"".join(encode({"seq": 0, **line}) for line in lines))
        store.add(rank, batch)
        if rank == 0:
            events = [each for each in batch.events if each[1]["kind"] in ("phase", "run_end")]
    judge = RunJudge(store, EngineSettings(), events, machine=True)
    judge.run(float("inf"))
    judge.run(float("inf"))
    return judge


def steps(count: int, begin: float, first: int = 0, **values: float) -> list[dict]:
    return [
        {"t": T + begin + i, "kind": "metrics", "step": first + i + 1, "train/loss": 1.0, **values}
        for i in range(count)
    ]


def phase(name: str, t: float) -> dict:
    return {"t": T + t, "kind": "phase", "phase": name}


def samples(begin: float, end: float, **values: float) -> list[dict]:
    told = {"cpu/percent": 5.0, **values}
    return [{"t": T + t, "kind": "system", **told} for t in range(int(begin), int(end), 2)]


def test_the_samples_of_a_long_evaluation_are_no_silence_of_a_step():
    rank0 = [
        phase("train", 0), *steps(60, 1), phase("eval", 61),
        {"t": T + 2000, "kind": "eval", "step": 60, "val/loss": 1.0}, phase("train", 2000),
        *steps(60, 2001, 60),
    ]  # fmt: skip
    assert judged(rank0, samples(0, 2060)).signals == ()


def test_silence_within_a_step_is_a_hang_at_the_step_before_it_and_ends_with_the_next():
    rank0 = [phase("train", 0), *steps(60, 1), *steps(60, 2001, 60)]
    (signal,) = judged(rank0, samples(0, 2060)).signals
    assert (signal.id, signal.severity) == ("hang", "act")
    assert (signal.first_step, signal.raised_at, signal.cleared_at) == (60, 60, 61)


def test_a_run_that_hung_to_its_end_holds_the_signal():
    (signal,) = judged([phase("train", 0), *steps(60, 1)], samples(0, 2000)).signals
    assert (signal.id, signal.cleared_at) == ("hang", None)


def test_a_sample_stands_at_the_step_that_the_training_was_at():
    full = {"gpu0/memory_bytes": 79 * GIB, "gpu0/memory_total_bytes": 80 * GIB}
    quiet, busy = samples(0, 100), samples(100, 140, **full)
    (signal,) = judged([phase("train", 0), *steps(200, 1)], [*quiet, *busy, *samples(140, 200)]).signals
    assert (signal.id, signal.first_step, signal.raised_at) == ("memory_near_limit", 100, 104)


def test_other_ranks_are_compared_with_rank_0():
    slow = {0: {"step_time": 1.0, "data_time": 0.01}, 1: {"step_time": 1.0, "data_time": 0.5}}
    judge = judged([phase("train", 0), *steps(90, 1, **slow[0])], [], {1: steps(90, 1.01, **slow[1])})
    assert [(s.id, s.evidence["rank"]) for s in judge.signals] == [("straggler", 1)]
