"""One seed decides everything, each rank and each worker differently."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from guardrun.errors import UserError
from guardrun.recording.rng import forget_generators
from guardrun.recording.seeds import loader_kwargs, rank_seed, seed_everything


@pytest.fixture(autouse=True)
def _leave_no_trace() -> Iterator[None]:
    forget_generators()
    yield
    forget_generators()
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = False


class Noise(Dataset):
    """Samples that are random numbers of each library, drawn in the worker."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.tensor([random.random(), np.random.rand(), float(torch.rand(()))], dtype=torch.float64)


def draws() -> list[float]:
    return [random.random(), float(np.random.rand()), float(torch.rand(()))]


def test_the_same_seed_gives_the_same_numbers_in_every_library() -> None:
    seed_everything(7)
    first = draws()
    seed_everything(7)

    assert first == draws()


def test_ranks_draw_different_numbers_by_the_rule_that_the_record_states() -> None:
    record = seed_everything(7, rank=2)

    assert record["rule"] == "(seed + 1000003 * rank) mod 2**32"
    assert record["python"] == record["numpy"] == record["torch"] == 7 + 2_000_006
    assert rank_seed(7, 0) == 7
    assert len({rank_seed(seed, rank) for seed in range(100) for rank in range(64)}) == 6400


@pytest.mark.parametrize("bad", [-1, 1.5, "42", True, None])
def test_what_is_no_seed_is_refused(bad: object) -> None:
    with pytest.raises(UserError, match="seed"):
        seed_everything(bad)  # type: ignore[arg-type]


def test_determinism_is_switched_on_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setenv("PYTHONHASHSEED", "3")

    record = seed_everything(1, deterministic=True)

    assert torch.are_deterministic_algorithms_enabled()
    assert record["deterministic"]
    assert record["cudnn_deterministic"]
    assert not record["cudnn_benchmark"]
    assert (record["cublas_workspace_config"], record["pythonhashseed"]) == (":4096:8", "3")


def test_libraries_that_the_process_has_not_imported_stay_out() -> None:
    code = (
        "import sys\nfrom guardrun.recording.seeds import seed_everything\nr = seed_everything(3)\n"
        "assert r['torch'] is None and r['numpy'] is None and r['python'] == 3, r\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def noise(seed: int, rank: int = 0, workers: int = 2) -> torch.Tensor:
    forget_generators()
    return torch.cat(
        list(DataLoader(Noise(), batch_size=3, num_workers=workers, **loader_kwargs(seed, rank)))
    )


def test_workers_draw_the_same_in_each_run_and_differently_from_each_other() -> None:
    first = noise(5)

    assert torch.equal(first, noise(5))
    assert first.unique().numel() == first.numel(), "two workers, or two libraries in step, drew the same"
    assert not torch.equal(first, noise(5, rank=1))


def test_the_worker_function_can_be_sent_to_a_spawned_process() -> None:
    function = loader_kwargs(1)["worker_init_fn"]

    assert pickle.loads(pickle.dumps(function)) is function


def test_a_second_loader_shuffles_otherwise_than_the_first() -> None:
    first, second = loader_kwargs(1)["generator"], loader_kwargs(1)["generator"]

    assert not torch.equal(torch.randperm(50, generator=first), torch.randperm(50, generator=second))
