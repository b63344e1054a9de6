"""A run as TensorBoard's event files, by the tensorboard package alone: no torch, no TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from guardrun.integrations.bridges.model import Ending, Point, Subject


class TensorBoardBridge:
    """Writes ``OUT/tensorboard/<run id>``."""

    def __init__(self, subject: Subject, out: Path, project: str, known: str | None) -> None:
        folder = out / "tensorboard" / subject.run_id
        self.place = str(folder)
        self._writer = EventFileWriter(self.place)
        if known is None:
            self._text("config", _as_table(subject.config), 0, subject.created)

    def points(self, points: list[Point]) -> None:
        for point in points:
            values = [Summary.Value(tag=tag, simple_value=one) for tag, one in point.values.items()]
            event = Event(wall_time=point.t, step=point.step, summary=Summary(value=values))
            self._writer.add_event(event)
        self._writer.flush()

    def signals(self, told: tuple[str, ...], step: int) -> None:
        self._text("signals", "\n\n".join(told) or "none", step)

    def end(self, ending: Ending) -> None:
        self._writer.close()

    def _text(self, tag: str, text: str, step: int, t: float | None = None) -> None:
        """For the Text page, as ``SummaryWriter.add_text`` writes it."""
        plugin = SummaryMetadata.PluginData(plugin_name="text")
        value = Summary.Value(
            tag=tag, metadata=SummaryMetadata(plugin_data=plugin),
            tensor=TensorProto(dtype=DT_STRING, string_val=[text.encode("utf-8", "replace")]),
        )  # fmt: skip
        named: dict[str, Any] = {} if t is None else {"wall_time": t}
        self._writer.add_event(Event(step=step, summary=Summary(value=[value]), **named))


def _as_table(config: Any, before: str = "") -> str:
    """Settings as lines of Markdown code, nested ones with dots."""
    if not before:
        return "\n".join(f"    {line}" for line in _as_table(config, ".").splitlines())
    lines = []
    for name, value in config.items():
        full = f"{before}{name}".lstrip(".")
        lines += [_as_table(value, f"{full}.")] if isinstance(value, dict) and value else [f"{full}: {value}"]
    return "\n".join(lines)
