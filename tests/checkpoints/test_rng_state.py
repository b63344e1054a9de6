"""Randomness goes on after a restore exactly where it was, for every kind of generator."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrun.errors import UserError
from guardrun.recording.rng import capture_rng, forget_generators, register_generator, restore_rng


@pytest.fixture(autouse=True)
def _no_generators() -> Iterator[None]:
    forget_generators()
    yield
    forget_generators()


def draw(source: str, own: dict[str, Any]) -> Any:
    draws = {
        "python": random.random,
        "python gauss": lambda: random.gauss(0, 1),
        "numpy": lambda: float(np.random.rand()),
        "numpy normal": lambda: float(np.random.randn()),
        "torch": lambda: float(torch.randn(())),
        "own python": lambda: own["python"].random(),
        "own numpy": lambda: float(own["numpy"].normal()),
        "own legacy": lambda: float(own["legacy"].randn()),
        "own torch": lambda: float(torch.randn((), generator=own["torch"])),
    }
    return draws[source]()


SOURCES = (
    "python", "python gauss", "numpy", "numpy normal", "torch", "own python", "own numpy",
    "own legacy", "own torch",
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    before=st.lists(st.sampled_from(SOURCES), max_size=12),
    after=st.lists(st.sampled_from(SOURCES), min_size=1, max_size=12),
    bits=st.sampled_from([np.random.PCG64, np.random.Philox, np.random.SFC64, np.random.MT19937]),
)
def test_draws_after_a_restore_repeat_those_after_the_capture(
    before: list[str], after: list[str], bits: Any
) -> None:
    """Through a file read with weights_only=True, whatever had been drawn before."""
    forget_generators()
    own = {
        "python": random.Random(1),
        "numpy": np.random.Generator(bits(2)),
        "legacy": np.random.RandomState(3),
        "torch": torch.Generator().manual_seed(4),
    }
    for name, generator in own.items():
        register_generator(name, generator)
    for source in before:
        draw(source, own)
    file = io.BytesIO()
    torch.save(capture_rng(), file)
    expected = [draw(source, own) for source in after]
    file.seek(0)

    problems = restore_rng(torch.load(file, weights_only=True))

    assert problems == []
    assert expected == [draw(source, own) for source in after]


def test_generators_of_one_name_are_told_apart_by_their_order() -> None:
    first, second = torch.Generator(), torch.Generator()

    assert [register_generator("loader", first), register_generator("loader", second)] == [0, 1]
    assert set(capture_rng()["generators"]) == {"loader", "loader#1"}


def test_a_generator_that_is_not_there_any_more_is_told_of() -> None:
    register_generator("mine", random.Random(1))
    state = capture_rng()
    forget_generators()
    register_generator("other", random.Random(1))

    problems = restore_rng(state)

    assert problems == [
        "the generator 'mine' of the checkpoint does not exist in this process",
        "the generator 'other' is not in the checkpoint",
    ]


def test_a_generator_of_another_kind_is_told_of_and_left_alone() -> None:
    register_generator("mine", np.random.default_rng(1))
    state = capture_rng()
    forget_generators()
    other = random.Random(7)
    register_generator("mine", other)

    assert len(restore_rng(state)) == 1
    assert other.random() == random.Random(7).random()


def test_what_is_no_generator_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="cannot keep the state of dice: list"):
        register_generator("dice", [])
