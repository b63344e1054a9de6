"""Runs that differ in nothing but their seed have one recipe; every other difference makes two."""

from __future__ import annotations

from typing import Any

import pytest

from guardrun.provenance.recipes import recipe_of


def launch(
    *arguments: str, params: Any = None, env: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "config": {"params": params or {}, "env": env or {}, **more},
        "command": ["python", "train.py", *arguments],
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (launch(seed=1), launch(seed=2)),
        (launch("--seed", "1", "--lr", "0.1"), launch("--seed", "2", "--lr", "0.1")),
        (launch("--seed=1"), launch("--seed=2")),
        (launch("train.seed=1"), launch("train.seed=2")),
        (launch(params={"lr": 1, "seed": 1}), launch(params={"seed": 2, "lr": 1})),
        (launch(params={"data": {"split_seed": 1}}), launch(params={"data": {"split_seed": 3}})),
        (launch(env={"PL_GLOBAL_SEED": "1"}), launch(env={"PL_GLOBAL_SEED": "2"})),
        (launch(name="a"), launch(name="b")),
    ],
)
def test_the_seed_and_the_name_are_no_part_of_it(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert recipe_of(one) == recipe_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (launch(params={"lr": 1e-3}), launch(params={"lr": 1e-4})),
        (launch("--lr", "0.1"), launch("--lr", "0.2")),
        (launch("--seed", "1", "--lr", "0.1"), launch("--seed", "1", "--lr", "0.2")),
        (launch("seed", "0.1"), launch("seed", "0.2")),
        (launch(data={"train": "a"}), launch(data={"train": "b"})),
        (launch(nproc_per_node=1), launch(nproc_per_node=8)),
        ({}, launch("--lr", "0.1")),
    ],
)
def test_any_other_setting_is(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert recipe_of(one) != recipe_of(other)


@pytest.mark.parametrize("odd", [{}, {"config": 3}, {"command": "x"}, {"config": {"params": [1, {2: 3}]}}])
def test_whatever_a_file_holds_is_a_recipe(odd: dict[str, Any]) -> None:
    assert recipe_of(odd) == recipe_of(dict(odd))
