"""Simple models on the training's own data: what any network has to beat.

Majority class and logistic regression for classes, mean and ridge regression for numbers, unigrams and
bigrams for a row of tokens.
"""

from __future__ import annotations

from typing import Any, Final

Baseline = tuple[str, str, float]
"""Model, metric and value."""

NEEDS_STATS: Final = "; a logistic regression needs the extra stats: pip install 'guardrun[stats]'"
_ROWS: Final = 2000
_FEATURES: Final = 4096
_BIGRAMS: Final = 4096


def fit_baselines(
    train: dict[str, Any] | None,
    val: dict[str, Any] | None,
    accuracy: str | None,
    loss: str | None,
    *,
    absolute: bool = False,
) -> tuple[list[Baseline], str]:
    """Values of simple models on ``val``, trivial ones first, and a note on what could not be fitted.

    ``train`` and ``val`` hold ``y`` and, where there are features, ``x`` (examples, features); or ``tokens``.
    ``accuracy`` and ``loss`` are the names that the values get; None: that one is not wanted. ``absolute``:
    the loss of numbers is an absolute error, no squared one.
    """
    if train is None or val is None:
        return [], ""
    if "tokens" in train and "tokens" in val:
        return (_of_tokens(train["tokens"], val["tokens"], loss) if loss else []), ""
    if "y" not in train or "y" not in val or (train["y"].dtype.kind == "U") != (val["y"].dtype.kind == "U"):
        return [], ""
    if _are_classes(train["y"]):
        return _of_classes(train, val, accuracy, loss)
    return _of_numbers(train, val, loss, absolute) if loss else ([], "")


def _are_classes(labels: Any) -> bool:
    import numpy as np

    if labels.dtype.kind == "U":
        return True
    return bool(np.array_equal(labels, np.round(labels)) and len(np.unique(labels)) <= len(labels) // 2)


def _have_features(train: dict[str, Any], val: dict[str, Any]) -> bool:
    return "x" in train and "x" in val and train["x"].shape[1] == val["x"].shape[1]


# -- classes


def _of_classes(
    train: dict[str, Any], val: dict[str, Any], accuracy: str | None, loss: str | None
) -> tuple[list[Baseline], str]:
    import numpy as np

    classes, counts = np.unique(train["y"], return_counts=True)
    shares = (counts + 1) / (counts.sum() + len(counts))
    prior = np.tile(shares, (len(val["y"]), 1))
    found = _scored("majority class", prior, classes, val["y"], accuracy, loss)
    if len(classes) < 2 or not _have_features(train, val):
        return found, ""
    fitted = _logistic(train, val)
    if fitted is None:
        return found, NEEDS_STATS
    return found + _scored("logistic regression", fitted, classes, val["y"], accuracy, loss), ""


def _scored(
    model: str, probabilities: Any, classes: Any, labels: Any, accuracy: str | None, loss: str | None
) -> list[Baseline]:
    import numpy as np

    found: list[Baseline] = []
    if accuracy:
        found.append((model, accuracy, float((classes[probabilities.argmax(1)] == labels).mean())))
    if loss:
        place = {label: at for at, label in enumerate(classes.tolist())}
        given = [
            row[place[label]] if label in place else 0.0
            for row, label in zip(probabilities, labels.tolist(), strict=True)
        ]
        found.append((model, loss, float(-np.log(np.maximum(given, 1e-7)).mean())))
    return found


def _logistic(train: dict[str, Any], val: dict[str, Any]) -> Any:
    """Class probabilities on ``val``; None without scikit-learn."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        return None
    import warnings

    x, y, asked = _scaled(train, val)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not converged: still a baseline
        return LogisticRegression(C=0.1, max_iter=100).fit(x, y).predict_proba(asked)


def _scaled(train: dict[str, Any], val: dict[str, Any]) -> tuple[Any, Any, Any]:
    """At most so many rows and features, standardised by train alone."""
    import numpy as np

    x, y, asked = (np.nan_to_num(train["x"]), train["y"], np.nan_to_num(val["x"]))
    if x.shape[1] > _FEATURES:
        columns = np.linspace(0, x.shape[1] - 1, _FEATURES).astype(int)
        x, asked = x[:, columns], asked[:, columns]
    if len(x) > _ROWS:
        _, first = np.unique(y, return_index=True)
        rows = np.union1d(first, np.random.default_rng(0).choice(len(x), _ROWS, replace=False))
        x, y = x[rows], y[rows]
    mean, std = x.mean(0), x.std(0)
    std = np.where(std > 0, std, 1.0)
    return (x - mean) / std, y, (asked - mean) / std


# -- numbers


def _of_numbers(
    train: dict[str, Any], val: dict[str, Any], loss: str, absolute: bool
) -> tuple[list[Baseline], str]:
    import numpy as np

    def error(predicted: Any) -> float:
        wrong = np.asarray(predicted) - val["y"]
        return float(np.abs(wrong).mean() if absolute else np.square(wrong).mean())

    found: list[Baseline] = [("mean", loss, error(train["y"].mean()))]
    if not _have_features(train, val):
        return found, ""
    try:
        from sklearn.linear_model import Ridge
    except ImportError:
        return found, NEEDS_STATS.replace("logistic", "ridge")
    x, y, asked = _scaled(train, val)
    return [*found, ("ridge regression", loss, error(Ridge(alpha=1.0).fit(x, y).predict(asked)))], ""


# -- tokens


def _of_tokens(train: Any, val: Any, loss: str) -> list[Baseline]:
    """Cross entropy of the next token in nats, counts smoothed by a hundredth."""
    import numpy as np

    known, mine = np.asarray(train, dtype=np.int64), np.asarray(val, dtype=np.int64)
    if len(mine) < 2 or known.min() < 0 or mine.min() < 0:
        return []
    size = int(max(known.max(), mine.max())) + 1
    single = np.bincount(known, minlength=size) + 0.01
    shares = single / single.sum()
    found: list[Baseline] = [("unigram", loss, float(-np.log(shares[mine[1:]]).mean()))]
    if size <= _BIGRAMS:
        pairs, numbers = np.unique(known[:-1] * size + known[1:], return_counts=True)
        asked = mine[:-1] * size + mine[1:]
        at = np.minimum(np.searchsorted(pairs, asked), len(pairs) - 1)
        seen = np.where(pairs[at] == asked, numbers[at], 0)
        before = np.bincount(known[:-1], minlength=size)[mine[:-1]]
        # As many of the unigram's counts as 1 occurrence, so that what was never seen has a probability.
        given = (seen + shares[mine[1:]]) / (before + 1.0)
        found.append(("bigram", loss, float(-np.log(given).mean())))
    return found
