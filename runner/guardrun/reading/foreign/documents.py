"""Logs that are one JSON document: Hugging Face's trainer state, DeepOBS, a list of rows, lists as columns.

Pure; nothing raises but what ``rows_of_document`` says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from guardrun.reading.foreign.flavours import LINES, Flavour, TrainerLines, flavour_of
from guardrun.reading.foreign.model import Facts, ForeignRow
from guardrun.reading.foreign.table import Table
from guardrun.reading.foreign.values import as_value, flattened, whole

STATE: Final = "Hugging Face trainer_state.json"
KNOWN_DOCUMENTS: Final = (
    "Hugging Face's trainer_state.json, DeepOBS' JSON, a JSON list of rows, and a JSON object of lists"
)
_HF_TOLD: Final = ("logging_steps", "eval_steps", "train_batch_size", "best_metric", "best_global_step")
_DEEPOBS_TOLD: Final = ("optimizer", "testproblem", "batch_size", "learning_rate", "random_seed")
_DEEPOBS: Final[tuple[tuple[str, str], ...]] = (
    ("train_losses", "train/loss"), ("train_accuracies", "train/accuracy"), ("valid_losses", "val/loss"),
    ("valid_accuracies", "val/accuracy"), ("test_losses", "test/loss"), ("test_accuracies", "test/accuracy"),
)  # fmt: skip


class Document:
    """A document whose kind is known: a name, and its rows as often as they are asked for."""

    def __init__(self, name: str, facts: Facts, rows: Callable[[], Iterator[ForeignRow]]) -> None:
        self.name = name
        self.facts = facts
        self.rows = rows
        self.columns: set[str] = set()


def document_of(found: Any, mapping: Mapping[str, str] | None = None) -> Document | None:
    """The log in this JSON value; None when it is none that is known."""
    if isinstance(found, dict):
        history = found.get("log_history")
        if isinstance(history, list):
            return _huggingface(found, history, mapping)
        if _numbers(found.get("train_losses")) and (
            _numbers(found.get("test_losses")) or _numbers(found.get("valid_losses"))
        ):
            return _deepobs(found)
        for key in ("history", "metrics", "logs"):
            inner = found.get(key)
            if isinstance(inner, list | dict):
                made = document_of(inner, mapping)
                if made is not None:
                    return made
        return _columns(found, mapping)
    if isinstance(found, list):
        return _list(found, mapping)
    return None


def _huggingface(state: dict[str, Any], history: list[Any], mapping: Mapping[str, str] | None) -> Document:
    facts = Facts()
    records = [flattened(record) for record in history if isinstance(record, dict)]
    facts.total_steps = whole(as_value(state.get("max_steps"))) or None
    facts.total_epochs = whole(as_value(state.get("num_train_epochs"))) or None
    facts.told = {key: state[key] for key in _HF_TOLD if isinstance(state.get(key), int | float | str)}
    facts.completed = any("train_runtime" in record for record in records)
    _monitor_of_best(as_value(state.get("best_metric")), records, facts)
    return _table(STATE, TrainerLines(facts), facts, records, mapping)


def _monitor_of_best(best: float | None, records: list[dict[str, Any]], facts: Facts) -> None:
    """The state holds the best value without its name: find the metric that once had this very value."""
    if best is None:
        return
    for name in dict.fromkeys(raw for record in records for raw in record if raw.startswith("eval_")):
        values = [as_value(record.get(name)) for record in records]
        known = [value for value in values if value is not None and math.isfinite(value)]
        if best in known and best in (min(known), max(known)):
            facts.monitor = f"val/{name[len('eval_') :]}"
            facts.mode = "min" if best == min(known) else "max"
            return


def _deepobs(found: dict[str, Any]) -> Document:
    facts = Facts()
    facts.total_epochs = whole(as_value(found.get("num_epochs"))) or None
    facts.told = {key: found[key] for key in _DEEPOBS_TOLD if isinstance(found.get(key), int | float | str)}
    validated = _numbers(found.get("valid_losses"))
    names = dict(_DEEPOBS)
    if not validated:
        # Before its version 1.2 the tool had no validation split.
        names["test_losses"], names["test_accuracies"] = "val/loss", "val/accuracy"
        facts.notes.append("test_losses are stored as val/loss: the log has no validation split")
    curves = {name: _values(found.get(raw)) for raw, name in names.items() if _numbers(found.get(raw))}
    facts.renamed = {raw: name for raw, name in names.items() if name in curves}
    running = _values(found.get("minibatch_train_losses"))
    interval = whole(as_value(found.get("train_log_interval"))) or 1
    measured = max(map(len, curves.values()))
    # A measurement before each epoch and one after the last.
    an_epoch = max(1, round(len(running) * interval / max(1, measured - 1)))
    facts.completed = facts.total_epochs is not None and measured > facts.total_epochs
    if running and facts.total_epochs:
        facts.total_steps = an_epoch * facts.total_epochs

    def rows() -> Iterator[ForeignRow]:
        at = 0
        for epoch in range(measured):
            step = epoch * an_epoch
            while at < len(running) and (at + 1) * interval <= step:
                yield _running(running, at, interval, an_epoch)
                at += 1
            values = {name: curve[epoch] for name, curve in curves.items() if epoch < len(curve)}
            known = {name: value for name, value in values.items() if value is not None}
            if known:
                yield ForeignRow("eval", step, epoch, None, known)
        for rest in range(at, len(running)):
            yield _running(running, rest, interval, an_epoch)

    return Document("DeepOBS JSON", facts, rows)


def _running(losses: list[float | None], at: int, interval: int, an_epoch: int) -> ForeignRow:
    step, loss = (at + 1) * interval, losses[at]
    values = {} if loss is None else {"train/loss": loss}
    return ForeignRow("metrics", step, (step - 1) // an_epoch, None, values)


def _list(found: list[Any], mapping: Mapping[str, str] | None) -> Document | None:
    records = [flattened(record) for record in found if isinstance(record, dict)]
    if not records:
        return None
    facts = Facts()
    flavour = flavour_of(frozenset(records[0]), LINES, facts)
    name = f"{flavour.name} rows in a JSON list" if flavour.name else "JSON list"
    return _table(name, flavour, facts, records, mapping)


def _columns(found: dict[str, Any], mapping: Mapping[str, str] | None) -> Document | None:
    """``{"loss": [2.5, 2.0], "val_loss": [2.6, 2.1]}``: the history object of Keras, for instance."""
    flat = flattened(found)
    columns = {name: values for name, values in flat.items() if _numbers(values)}
    if not columns:
        return None
    longest = max(map(len, columns.values()))
    records = [
        {name: values[row] for name, values in columns.items() if row < len(values)} for row in range(longest)
    ]
    facts = Facts()
    return _table("JSON lists", Flavour(facts), facts, records, mapping)


def _table(
    name: str,
    flavour: Flavour,
    facts: Facts,
    records: list[dict[str, Any]],
    mapping: Mapping[str, str] | None,
) -> Document:
    columns: set[str] = set()

    def rows() -> Iterator[ForeignRow]:
        table = Table(type(flavour)(facts), facts, mapping)
        for record in records:
            yield from table.rows(record)
        columns.update(table.met)

    made = Document(name, facts, rows)
    made.columns = columns
    return made


def _numbers(found: Any) -> bool:
    """Whether this is a list of numbers; a few of another kind (null) do not matter."""
    if not isinstance(found, list) or not found:
        return False
    return any(as_value(value) is not None for value in found[:100])


def _values(found: Any) -> list[float | None]:
    return [as_value(value) for value in found] if isinstance(found, list) else []
