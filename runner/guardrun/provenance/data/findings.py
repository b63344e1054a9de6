"""What is wrong with one data set, as plain data: id, severity, message, evidence and the way out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

Severity = Literal["info", "warn", "act"]
Finding = dict[str, Any]

TRAIN: Final = "train"
VAL: Final = "val"
TEST: Final = "test"
_ROLES = {
    "train": TRAIN, "training": TRAIN, "val": VAL, "valid": VAL, "validation": VAL, "dev": VAL, "eval": VAL,
    "test": TEST, "testing": TEST, "holdout": TEST,
}  # fmt: skip
FEW = 8
"""So many names are told in a sentence; the evidence holds more."""


def finding(id: str, severity: Severity, message: str, way_out: str, **evidence: Any) -> Finding:
    """One finding; ``way_out`` says what to do."""
    return {"id": id, "severity": severity, "message": message, "evidence": evidence, "next": way_out}


def role_of(name: str) -> str:
    """train, val or test by the name of a split ("validation", "test_images", "train/a"); "" for others."""
    word = name.lower().replace("-", "_").replace("/", "_").replace(".", "_").split("_")[0]
    return _ROLES.get(word, "")


def judge_columns(name: str, statistics: Mapping[str, Any], count: int | None) -> list[Finding]:
    """Missing and infinite numbers, missing labels, no examples at all."""
    found: list[Finding] = []
    if count == 0:
        found.append(finding(
            "no_examples", "act", f"{name} holds no example", "check the path and the filter that made it",
            count=0,
        ))  # fmt: skip
    for column, facts in statistics.get("fields", {}).items():
        label = bool(facts.get("label"))
        missing, infinite = int(facts.get("missing") or 0), int(facts.get("infinite") or 0)
        what = "the labels" if label else "the inputs" if column == "0" else f"the column {column}"
        if missing:
            severity: Severity = "act" if label or facts.get("kind") == "numeric" else "warn"
            kind = "NaN" if "float" in str(facts.get("dtype")) else "missing"
            found.append(finding(
                "labels_missing" if label else "values_missing", severity,
                f"{name}: {_are(missing, what)} {kind}",
                "drop these examples, or fill them with a value that is computed from train alone",
                column=column, missing=missing, of=_numbers(facts),
            ))  # fmt: skip
        if infinite:
            found.append(finding(
                "values_infinite", "act", f"{name}: {_are(infinite, what)} infinite",
                "look for a division by zero or a logarithm of zero in the preprocessing",
                column=column, infinite=infinite, of=_numbers(facts),
            ))  # fmt: skip
    return found


def judge_same(name: str, other: str, count: int) -> Finding:
    """Two splits that are one and the same data."""
    return finding(
        "duplicates_across_splits", "act", f"{name} and {other} are the same data: they have one hash",
        "split the data: what is measured on examples that were learnt says nothing",
        splits=[other, name], count=count, of=count,
    )  # fmt: skip


def judge_lengths(name: str, lengths: Mapping[str, int]) -> Finding:
    """Arrays of one data set that do not have one entry for each example."""
    listed = ", ".join(f"{column}: {length}" for column, length in list(lengths.items())[:FEW])
    return finding(
        "lengths_differ", "act", f"the arrays of {name} are of several lengths ({listed})",
        "make them of the same examples: inputs and labels may not belong together",
        lengths=dict(list(lengths.items())[:50]),
    )  # fmt: skip


def _are(count: int, what: str) -> str:
    return f"{count} value of {what} is" if count == 1 else f"{count} values of {what} are"


def _numbers(facts: Mapping[str, Any]) -> int:
    total = int(facts.get("count") or 0)
    shape = facts.get("shape")
    for size in shape if isinstance(shape, list) else []:
        total *= int(size)
    return total


def judge_classes(
    name: str, classes: Mapping[str, int] | None, others: Mapping[str, Mapping[str, int] | None]
) -> list[Finding]:
    """Classes that a split has and train lacks, with whichever of the two is known last.

    ``others`` are the classes of the splits that were recorded before, by name.
    """
    if not classes:
        return []
    found: list[Finding] = []
    for other, theirs in others.items():
        if not theirs:
            continue
        if role_of(name) == TRAIN and role_of(other) in (VAL, TEST):
            found += _absent(name, classes, other, theirs)
        elif role_of(other) == TRAIN and role_of(name) in (VAL, TEST):
            found += _absent(other, theirs, name, classes)
    if len(classes) == 1 and role_of(name):
        (only,) = classes
        found.append(finding(
            "one_class", "act", f"{name} has one class only: {only}",
            "check how the labels were read: nothing can be learned or measured from one class",
            classes=dict(classes),
        ))  # fmt: skip
    return found


def _absent(train: str, known: Mapping[str, int], other: str, theirs: Mapping[str, int]) -> list[Finding]:
    absent = {label: count for label, count in theirs.items() if label not in known}
    found = []
    if absent:
        found.append(finding(
            "class_missing_in_train", "act",
            f"{_listed(absent)} of {other} {'is' if len(absent) == 1 else 'are'} not in {train}: "
            f"{sum(absent.values())} examples can't be right",
            "split by class (stratified), or check that both splits encode their labels alike",
            classes=dict(list(absent.items())[:50]), train=train, split=other,
        ))  # fmt: skip
    unseen = [label for label in known if label not in theirs]
    if unseen and role_of(other) == TEST:
        found.append(finding(
            "class_missing_in_test", "warn",
            f"{_listed(unseen)} of {train} {'is' if len(unseen) == 1 else 'are'} not in {other}: "
            "the result says nothing of it",
            "split by class (stratified)", classes=unseen[:50], train=train, split=other,
        ))  # fmt: skip
    return found


def _listed(names: Any) -> str:
    shown = [str(name) for name in names]
    rest = f" and {len(shown) - FEW} more" if len(shown) > FEW else ""
    word = "class" if len(shown) == 1 else "classes"
    return f"{word} {', '.join(shown[:FEW])}{rest}"
