"""What a checked training writes down of its examples, for simple models to be fitted on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from guardrun.judging.sanity_baseline import fit_baselines
from guardrun.recording.sanity_export import export
from guardrun.recording.sanity_sources import source_of


def exported(folder: Path, data: Any) -> dict[str, Any]:
    name = export("train", source_of(data), str(folder))
    assert name is not None
    with np.load(folder / name, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def test_targets_in_a_column_of_their_own_are_numbers_to_predict(tmp_path: Path) -> None:
    """Regressions have targets of shape (n, 1)."""
    x = np.linspace(-1, 1, 200)[:, None]
    data = exported(tmp_path, (x, 3 * x))

    assert data["y"].shape == (200,)
    values = {model: value for model, _, value in fit_baselines(data, data, None, "val/loss")[0]}
    assert values["mean"] == pytest.approx(float((3 * x).var()), rel=1e-5)
    assert values["ridge regression"] < 0.01


@pytest.mark.parametrize(
    "names", [(0, 1), ("bad", "good"), (np.int64(0), np.int64(1))], ids=["numbers", "words", "numpy"]
)
@pytest.mark.parametrize("tokenised", [False, True], ids=["text", "tokens"])
def test_words_of_texts_are_counted_for_the_simple_model(
    tmp_path: Path, names: tuple[Any, Any], tokenised: bool
) -> None:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, 300).tolist()
    texts = [[*["the", "a", "film"][: 1 + i % 3], ("dull", "fine")[label]] for i, label in enumerate(labels)]
    words = sorted({word for text in texts for word in text})
    inputs = [[words.index(word) for word in text] if tokenised else " ".join(text) for text in texts]

    data = exported(tmp_path, (inputs, [names[label] for label in labels]))

    values = {model: value for model, _, value in fit_baselines(data, data, "val/accuracy", None)[0]}
    assert values["majority class"] == pytest.approx(max(np.mean(labels), 1 - np.mean(labels)))
    assert values["logistic regression"] == 1.0


def test_without_features_the_majority_is_still_known(tmp_path: Path) -> None:
    data = exported(tmp_path, ([{"a": 1}, {"b": 2}, {"c": 3}, {"d": 4}], [0, 1, 1, 1]))

    assert "x" not in data
    assert fit_baselines(data, data, "val/accuracy", None) == ([("majority class", "val/accuracy", 0.75)], "")
