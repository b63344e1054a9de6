"""Schema v1 of the event log: the kinds of event, and the keys every event has.

One flat JSON object a line: ``{"t": <unix s>, "seq": <int>, "kind": <kind>, ...}``. Unknown kinds and keys
are kept and ignored. The first line of a file is a ``header``; a later attempt appends a header of its own.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

SCHEMA_VERSION: Final = 1

Event: TypeAlias = dict[str, Any]

HEADER: Final = "header"
RUN_START: Final = "run_start"
ENV: Final = "env"
SEEDS: Final = "seeds"
SETTINGS: Final = "settings"
DATA: Final = "data"
SPLIT: Final = "split"
FIT: Final = "fit"
PREPROCESSING: Final = "preprocessing"
METRICS: Final = "metrics"
EVAL: Final = "eval"
PHASE: Final = "phase"
CHECKPOINT: Final = "checkpoint"
SYSTEM: Final = "system"
SIGNAL: Final = "signal"
ACK: Final = "ack"
SANITY: Final = "sanity"
TEST_USE: Final = "test_use"
TEXT: Final = "text"
NOTE: Final = "note"
RESUME: Final = "resume"
RUN_END: Final = "run_end"

KINDS: Final = frozenset(
    (HEADER, RUN_START, ENV, SEEDS, SETTINGS, DATA, SPLIT, FIT, PREPROCESSING, METRICS, EVAL, PHASE,
     CHECKPOINT, SYSTEM, SIGNAL, ACK, SANITY, TEST_USE, TEXT, NOTE, RESUME, RUN_END)
)  # fmt: skip

FOREIGN_SOURCE: Final = "logs"
"""The ``source`` of a header under which the supervisor translates a log in a foreign format."""

SERIES_KINDS: Final = frozenset((METRICS, EVAL, SYSTEM))
"""Kinds whose numeric keys are points of a series."""

ENVELOPE: Final = frozenset(("t", "seq", "kind", "step", "epoch"))
"""Keys of a series event that are not series themselves."""


def is_foreign(header: Event) -> bool:
    """Whether these events are translated: then the training itself writes none and reads no commands."""
    return header.get("source") == FOREIGN_SOURCE
