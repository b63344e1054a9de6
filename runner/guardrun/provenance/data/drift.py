"""What changed since the last time: other content, other statistics, examples that changed sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guardrun.provenance.data.duplicates import shared
from guardrun.provenance.data.findings import TEST, TRAIN, VAL, Finding, finding, role_of

MEAN_SHIFT = 0.1
"""In standard deviations of the earlier data; and at least 4 standard errors."""
STD_RATIO = 1.25
CLASS_SHIFT = 0.05
"""Share of examples that would have to change class (total variation); and beyond chance."""
COUNT_SHIFT = 0.1
MISSING_SHIFT = 0.02
CHANGES_TOLD = 20


def judge_change(
    name: str, now: Mapping[str, Any], before: Mapping[str, Any], source: str, *, same_run: bool = False
) -> list[Finding]:
    """Findings about a data set whose earlier record was made in ``source`` (a run, in words).

    Nothing when the content is the same, or when the two hashes follow different rules.
    """
    if not now.get("sha256") or not before.get("sha256") or now.get("rule") != before.get("rule"):
        return []
    if now["sha256"] == before["sha256"]:
        return []
    hashes = {"sha256": now["sha256"], "before": before["sha256"], "source": source}
    if same_run:
        return [finding(
            "data_changed_in_run", "act",
            f"{name} is not what this run was begun with: its content changed since {source}",
            "resume with the data that the run began with, or begin a new run", **hashes,
        )]  # fmt: skip
    found = []
    version = now.get("version")
    if version is not None and version == before.get("version"):
        found.append(finding(
            "data_changed_under_version", "act",
            f"{name} is still called version {version}, but changed since {source}",
            "give the changed data a new version, or bring the old content back", version=version, **hashes,
        ))  # fmt: skip
    changes = statistics_changes(now, before)
    if changes:
        rest = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
        found.append(finding(
            "data_drift", "warn",
            f"{name} differs from {source}: {'; '.join(c['text'] for c in changes[:3])}{rest}",
            "if the change is meant, compare results only within one version of the data",
            changes=changes[:CHANGES_TOLD], **hashes,
        ))  # fmt: skip
    elif not found:
        found.append(finding(
            "data_changed", "info", f"{name} is not the same as in {source}, though its statistics are alike",
            "compare results only within one version of the data", **hashes,
        ))  # fmt: skip
    return found


def statistics_changes(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What differs by more than chance and by enough to matter, as ``{column, what, before, now, text}``."""
    found: list[dict[str, Any]] = []
    _count_change(now, before, found)
    _class_change(now.get("classes"), before.get("classes"), found)
    old_fields, new_fields = before.get("fields") or {}, now.get("fields") or {}
    for column in old_fields.keys() | new_fields.keys():
        old, new = old_fields.get(column), new_fields.get(column)
        if old is None or new is None:
            word = "new" if old is None else "gone"
            _add(found, column, word, None, None, f"column {column} is {word}")
        elif not new.get("label"):
            _column_change(column, old, new, found)
    return found


def _add(found: list[dict[str, Any]], column: str | None, what: str, old: Any, new: Any, text: str) -> None:
    found.append({"column": column, "what": what, "before": old, "now": new, "text": text})


def _count_change(now: Mapping[str, Any], before: Mapping[str, Any], found: list[dict[str, Any]]) -> None:
    old, new = before.get("count"), now.get("count")
    if old and new is not None and abs(new - old) > COUNT_SHIFT * old:
        _add(found, None, "count", old, new, f"{new} examples, {old} before")


def _class_change(
    now: Mapping[str, int] | None, before: Mapping[str, int] | None, found: list[dict[str, Any]]
) -> None:
    if not now or not before:
        return
    total_now, total_before = sum(now.values()), sum(before.values())
    gone = [label for label in before if label not in now]
    fresh = [label for label in now if label not in before]
    for what, labels in (("gone", gone), ("new", fresh)):
        if labels:
            _add(
                found,
                None,
                f"classes {what}",
                None,
                labels[:50],
                f"classes {', '.join(labels[:8])} are {what}",
            )
    labels_all = now.keys() | before.keys()
    moved = 0.5 * sum(
        abs(now.get(label, 0) / total_now - before.get(label, 0) / total_before) for label in labels_all
    )
    # Two samples of one distribution differ by about sqrt(K / 2n) in total variation at most.
    chance = (len(labels_all) / 2 * (1 / total_now + 1 / total_before)) ** 0.5
    if not gone and not fresh and moved > max(CLASS_SHIFT, 1.5 * chance):
        _add(
            found,
            None,
            "class shares",
            before,
            now,
            f"{100 * moved:.2g} % of the examples changed class share",
        )


def _column_change(
    column: str, old: Mapping[str, Any], new: Mapping[str, Any], found: list[dict[str, Any]]
) -> None:
    what = "inputs" if column == "0" else column
    if old.get("kind") != new.get("kind") or old.get("dtype") != new.get("dtype"):
        kinds = [f"{one.get('kind')} {one.get('dtype') or ''}".strip() for one in (old, new)]
        _add(found, column, "type", kinds[0], kinds[1], f"{what}: {kinds[1]}, {kinds[0]} before")
        return
    of_text = old.get("kind") == "text"
    first, second = (old.get("length"), new.get("length")) if of_text else (old, new)
    if first and second and first.get("mean") is not None and second.get("mean") is not None:
        counts = max(1, int(old.get("count") or 1)), max(1, int(new.get("count") or 1))
        _moment_change(column, f"length of {what}" if of_text else what, first, second, counts, found)
    share_old, share_new = (_missing_share(one) for one in (old, new))
    if abs(share_new - share_old) > MISSING_SHIFT:
        text = f"{what}: {100 * share_new:.2g} % missing, {100 * share_old:.2g} % before"
        _add(found, column, "missing", share_old, share_new, text)


def _moment_change(
    column: str, what: str, old: Mapping[str, Any], new: Mapping[str, Any], counts: tuple[int, int],
    found: list[dict[str, Any]],
) -> None:  # fmt: skip
    spread = float(old.get("std") or 0.0)
    shift = abs(float(new["mean"]) - float(old["mean"]))
    chance = 4 * spread * (1 / counts[0] + 1 / counts[1]) ** 0.5
    if shift > max(MEAN_SHIFT * spread, chance) and shift > 1e-9 * abs(float(old["mean"])):
        _add(found, column, "mean", old["mean"], new["mean"],
             f"{what}: mean {new['mean']:.4g}, {old['mean']:.4g} before")  # fmt: skip
        return
    wider = float(new.get("std") or 0.0)
    if min(counts) >= 100 and spread > 0 and not 1 / STD_RATIO < wider / spread < STD_RATIO:
        _add(found, column, "std", spread, wider, f"{what}: std {wider:.4g}, {spread:.4g} before")


def _missing_share(facts: Mapping[str, Any]) -> float:
    total = int(facts.get("count") or 0)
    shape = facts.get("shape")
    for size in shape if isinstance(shape, list) else []:
        total *= int(size)
    return int(facts.get("missing") or 0) / total if total else 0.0


def judge_moves(name: str, hashes: Any, before: Mapping[str, Any], source: str) -> list[Finding]:
    """Examples that were on the other side of the train/test line in ``source``.

    ``before`` holds the example hashes of the splits of ``source``, by name.
    """
    import numpy as np

    role = role_of(name)
    mine = [theirs for other, theirs in before.items() if role_of(other) == role]
    if hashes is None or role not in (TRAIN, TEST, VAL) or not mine:
        return []
    new_here = np.setdiff1d(hashes, np.concatenate(mine))
    found = []
    for other, theirs in before.items():
        if role_of(other) in ("", role) or (role != TRAIN and role_of(other) != TRAIN):
            continue
        count = shared(new_here, theirs)
        if count:
            found.append(finding(
                "examples_moved", "act" if TEST in (role, role_of(other)) else "warn",
                f"{count} examples of {name} were in {other} in {source}",
                "write the split once (run.split or `guard data split`) and keep it: "
                "results on both sides of the move can't be compared",
                split=name, came_from=other, count=count, source=source,
            ))  # fmt: skip
    return found
