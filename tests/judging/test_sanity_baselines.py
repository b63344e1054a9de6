"""Simple models on exported data reach what they should, whatever the kind of the data."""

from __future__ import annotations

import numpy as np
import pytest

from guardrun.judging.sanity_baseline import fit_baselines


def halves(**columns: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    middle = len(next(iter(columns.values()))) // 2
    return {k: v[:middle] for k, v in columns.items()}, {k: v[middle:] for k, v in columns.items()}


def test_a_logistic_regression_beats_the_majority_where_there_is_something_to_learn():
    draw = np.random.default_rng(0)
    y = draw.integers(0, 3, 600)
    x = np.eye(3)[y] * 4 + draw.normal(size=(600, 3))
    found, note = fit_baselines(*halves(x=x, y=y), "val/accuracy", "val/loss")
    values = {(model, metric): value for model, metric, value in found}
    assert note == ""
    assert values["majority class", "val/accuracy"] == pytest.approx(1 / 3, abs=0.08)
    assert values["majority class", "val/loss"] == pytest.approx(np.log(3), abs=0.05)
    assert values["logistic regression", "val/accuracy"] > 0.9
    assert values["logistic regression", "val/loss"] < 0.4


def test_numbers_are_predicted_by_their_mean_and_by_a_ridge():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 5))
    y = x @ np.arange(5) + 0.1 * draw.normal(size=400)
    found, _ = fit_baselines(*halves(x=x, y=y), None, "val/mse")
    values = {model: value for model, _, value in found}
    assert values["mean"] == pytest.approx(y.var(), rel=0.2)
    assert values["ridge regression"] < 0.1 * values["mean"]


def test_a_text_is_predicted_by_pairs_of_its_letters():
    tokens = np.tile(np.arange(7), 300)
    found, _ = fit_baselines(*halves(tokens=tokens), None, "val/loss")
    values = {model: value for model, _, value in found}
    assert values["unigram"] == pytest.approx(np.log(7), abs=0.02)
    assert values["bigram"] < 0.1


def test_data_that_fits_no_simple_model_gives_none():
    assert fit_baselines(None, None, "val/accuracy", None) == ([], "")
    assert fit_baselines({"x": np.zeros((4, 2))}, {"x": np.zeros((2, 2))}, "val/accuracy", None) == ([], "")
