"""The audit: what must hold before a result is declared, computed when the pane is opened."""

from __future__ import annotations

from pathlib import Path

from textual.message import Message

from guardtui.auditing import Auditor
from guardtui.panes.scrolled import ScrolledPane
from guardtui.snapshot import RunView, Snapshot, Wants
from guardtui.text import Line, line
from guardtui.viewmodel.audit_page import AuditResult, audit_lines, verdict_words


class AuditPane(ScrolledPane):
    """Six questions and sixteen items. Another process reads the files and hashes the checkpoint."""

    where = "audit"
    title = "audit"

    class Answered(Message):
        """The audit has ended."""

        def __init__(self, result: AuditResult) -> None:
            super().__init__()
            self.result = result

    def __init__(self) -> None:
        super().__init__()
        self._auditor = Auditor(lambda result: self.post_message(self.Answered(result)))
        self._result: AuditResult | None = None

    def wants(self, path: Path) -> Wants:
        """Nothing of the feed: the audit reads the files itself."""
        return Wants()

    def opened(self, path: Path) -> None:
        """Whenever the pane is opened it is computed anew."""
        self._auditor.start(path)

    def on_unmount(self) -> None:
        """Nobody waits for the answer any more."""
        self._auditor.stop()

    def on_audit_pane_answered(self, event: Answered) -> None:
        """Show it."""
        self._result = event.result
        self.changed()

    def lines_of(self, view: RunView, snapshot: Snapshot, width: int) -> list[Line]:
        """The answer, or what is under way."""
        if self._result is None:
            return [
                line(("auditing…", "strong")),
                (),
                line(("The files of the run are read, and those of its best checkpoint are hashed.", "dim")),
            ]
        return audit_lines(self._result, width, self.g)

    def status(self, view: RunView, width: int) -> Line:
        """The verdict and its time."""
        if self._auditor.busy:
            return line(("auditing…", "dim"))
        if self._result is None or self._result.document is None:
            return ()
        return line((f"{verdict_words(self._result)} ", "text"), (f"at {self._result.when}", "dim"))
