"""Notes and tags: a line to type, over the runs that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input

from guardrun.events.remarks import note_problem, parse_tags, tags_problem
from guardtui.bindings import bindings_for
from guardtui.keys import Where
from guardtui.screens.dialog import DialogScreen
from guardtui.snapshot import RunView
from guardtui.text import Line, line
from guardtui.viewmodel import words
from guardtui.viewmodel.reach import barred
from guardtui.widgets.choices import Item


class WordsScreen(DialogScreen):
    """Everything that is typed goes into the line; Enter writes it, Escape leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings_for("words"),
        *bindings_for("everywhere", owner="app."),
    ]
    hint = ""

    def between(self) -> Sequence[Widget]:
        """The line."""
        return (Input(placeholder=self.hint, compact=True),)

    def on_mount(self) -> None:
        """Type at once."""
        super().on_mount()
        self.query_one(Input).focus()

    @property
    def places(self) -> tuple[Where, ...]:
        """The help begins with the keys of the dialog."""
        return ("words",)

    @property
    def _reached(self) -> list[RunView]:
        return [view for view in self.views if not barred(view)]

    def parts(self, views: list[RunView]) -> tuple[list[Line], list[Item]]:
        """What was said so far, and what is typed."""
        reached = self._reached
        self.query_one(Input).display = bool(reached)
        lines = self.said(views)
        if not reached:
            return [*lines, *words.refusal(views[0], self.width)], [self.leave()]
        problem = self.wrong(self.query_one(Input).value)
        if problem:
            return lines, [(line((problem, "bad")), ""), self.leave("cancel")]
        return lines, [
            (line((f" enter  {self.verb(len(reached))} ", "accent")), "confirm(True)"),
            self.leave("cancel"),
        ]

    @on(Input.Changed)
    def _typed(self) -> None:
        self.problem = ""
        self.redraw()

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.action_confirm(True)

    def action_confirm(self, sure: bool) -> None:
        """Write it, unless something is wrong with it: that is said."""
        typed, reached = self.query_one(Input).value.strip(), self._reached
        if not reached:
            return
        self.problem = self.wrong(typed, whole=True)
        if self.problem:
            self.redraw()
            return
        self.write(reached, typed)
        self.action_close()

    def said(self, views: list[RunView]) -> list[Line]:
        """What is known already."""
        raise NotImplementedError

    def verb(self, number: int) -> str:
        """What Enter does."""
        raise NotImplementedError

    def wrong(self, typed: str, *, whole: bool = False) -> str:
        """What is wrong with what is typed; while it is not ``whole`` nothing is missing yet."""
        raise NotImplementedError

    def write(self, views: list[RunView], typed: str) -> None:
        """Send it."""
        raise NotImplementedError


class NoteScreen(WordsScreen):
    """A note about the run, for whoever looks at it later."""

    heading = "Note"
    hint = "what should be remembered about this run"

    def said(self, views: list[RunView]) -> list[Line]:
        """The notes so far."""
        return words.notes(views, self.width, self.room, self.g)

    def verb(self, number: int) -> str:
        """What Enter does."""
        return "write it" if number == 1 else f"write it to {number} runs"

    def wrong(self, typed: str, *, whole: bool = False) -> str:
        """Too long, or nothing."""
        return note_problem(typed) if typed or whole else ""

    def write(self, views: list[RunView], typed: str) -> None:
        """Send it."""
        self.board.send_note(views, typed)


class TagScreen(WordsScreen):
    """Tags of the run, for filters and groups."""

    heading = "Tags"
    hint = "baseline good -bad   (- takes one away)"

    def said(self, views: list[RunView]) -> list[Line]:
        """The tags so far."""
        return words.tags(views, self.width, self.g)

    def verb(self, number: int) -> str:
        """What Enter does."""
        return "tag it" if number == 1 else f"tag {number} runs"

    def wrong(self, typed: str, *, whole: bool = False) -> str:
        """No tag, too long, too many."""
        add, remove = parse_tags(typed)
        named = [each for each in (*add, *remove) if each or whole]
        return tags_problem(named) if named or whole else ""

    def write(self, views: list[RunView], typed: str) -> None:
        """Send them."""
        self.board.send_tags(views, *parse_tags(typed))
