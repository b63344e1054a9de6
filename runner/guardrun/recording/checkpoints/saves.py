"""A checkpoint whose state is taken but not yet written, and one that exists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from guardrun.recording.checkpoints.finite import first_nonfinite
from guardrun.recording.checkpoints.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from guardrun.recording.checkpoints.layout import FolderName


class Saved(NamedTuple):
    """A checkpoint that exists; the fields of the ``checkpoint`` event.

    On ranks above 0, which only write their part, ``roles`` is empty and ``meta_sha256`` is "".
    """

    path: str
    """Relative to the run directory: ``checkpoints/step-120-a1``."""
    roles: tuple[str, ...]
    """Which pointers now name it: "best", "last"."""
    step: int
    epoch: int
    metrics: dict[str, float]
    metric: float | None
    meta_sha256: str
    bytes: int
    seconds: float
    external: bool = False
    reused: bool = False
    """This very state had been saved already; nothing was written but pointers."""
    problem: str = ""
    """What a person should know: why it did not become best, or that an older best was overwritten."""
    own: str = ""
    """The file or folder that the training itself saved, an absolute path; "" when guard wrote it."""

    def event(self) -> dict[str, Any]:
        fields = self._asdict()
        fields["roles"] = list(self.roles)
        del fields["reused"]
        for name in ("problem", "own"):
            if not fields[name]:
                del fields[name]
        return fields


class Planned(NamedTuple):
    """One save of one rank, numbered and with its state; what is left to do touches only the disk."""

    name: FolderName
    number: int
    """Counts the saves that all ranks take part in."""
    epoch: int
    position: Mapping[str, Any]
    metrics: dict[str, Any]
    claim_best: bool
    last: bool
    alone: bool
    known: bool
    """This place had been saved before: its parts are as good as new ones."""
    payload: dict[str, Any] | None
    """What this rank's file will hold; None where a complete folder only gets its roles."""
    begun: float

    def apart(self) -> Planned:
        """With a copy of the state, which the training may go on to change."""
        return self._replace(payload=snapshot(self.payload))

    def nonfinite(self) -> str | None:
        """What is not finite in a model's state, in words; None when all is well."""
        payload = self.payload or {}
        for name, state in payload.get("objects", {}).items():
            kind = payload["kinds"][name]
            if kind["kind"] == "module":
                found = first_nonfinite(state, frozenset(kind["constants"]))
                if found:
                    return f"{name}.{found}"
        return None
