"""Every key of the dashboard: one table that makes the bindings, the footer and the help screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

Where = Literal[
    "fleet", "run", "charts", "signals", "system", "ranks", "saved", "output", "origin", "audit", "together",
    "differences", "stop", "words", "export", "columns", "text", "palette", "everywhere",
]  # fmt: skip
"""Screens, panes of the run screen, dialogs."""


class Key(NamedTuple):
    """One thing that keys can do."""

    keys: str
    """As Textual spells them, with commas between alternatives."""
    shown: str
    """As people write them."""
    action: str
    label: str
    """For the footer; "" keeps it out."""
    help: str
    where: tuple[Where, ...]
    rank: int = 5
    """Lower ranks keep their place in a narrow footer."""
    acting: bool = False
    """Changes a run: hidden and unbound in read-only mode."""


_BOARDS: Final[tuple[Where, ...]] = ("charts", "system")
"""Places with a board of charts."""

_CHARTS: Final[tuple[Where, ...]] = (*_BOARDS, "together")
"""Those, and the screen of several runs."""

_RUNS: Final[tuple[Where, ...]] = ("fleet", "run", "together")
"""Screens on which keys act on runs."""

_TEXTS: Final[tuple[Where, ...]] = ("ranks", "output", "origin", "audit")
"""Panes that scroll."""

TABLE: Final = (
    Key("up,k", "↑ k", "move(-1)", "", "the run above", ("fleet",)),
    Key("down,j", "↓ j", "move(1)", "", "the run below", ("fleet",)),
    Key("pageup,ctrl+b", "PgUp", "move(-10)", "", "ten runs up", ("fleet",)),
    Key("pagedown,ctrl+f", "PgDn", "move(10)", "", "ten runs down", ("fleet",)),
    Key("home,g", "Home g", "edge(-1)", "", "the first run", ("fleet",)),
    Key("end,G", "End G", "edge(1)", "", "the last run", ("fleet",)),
    Key("enter", "enter", "open", "open", "open the run; on the head of a group: open or close it",
        ("fleet",), rank=1),
    Key("right", "→", "sideways(1)", "", "open the run or the group", ("fleet",)),
    Key("left", "←", "sideways(-1)", "", "to the head of the group; there: close it", ("fleet",)),
    Key("s", "s", "stop", "stop safely",
        "stop the run safely: says first what will happen, then shows each stage",
        _RUNS, rank=1, acting=True),
    Key("S", "S", "stop_now", "stop now",
        "stop at once: a running evaluation is discarded, and it climbs by itself",
        _RUNS, rank=6, acting=True),
    Key("c", "c", "checkpoint", "checkpoint", "write a checkpoint at the next step, and train on",
        _RUNS, rank=5, acting=True),
    Key("r", "r", "resume", "resume", "go on from the last checkpoint of a run that is over",
        _RUNS, rank=5, acting=True),
    Key("m", "m", "note", "note", "write a note about the run", _RUNS, rank=6, acting=True),
    Key("number_sign", "#", "tags", "tag", "add and remove tags", _RUNS, rank=6, acting=True),
    Key("slash", "/", "filter", "filter", "list only some runs; words: under Filter", ("fleet",), rank=3),
    Key("o", "o", "order", "order",
        "order: worst signal, newest, best metric, name, age, ETA, progress; or click on a column's head",
        ("fleet",), rank=3),
    Key("ctrl+o", "ctrl+o", "reverse", "", "the other way round; or click on the head again", ("fleet",)),
    Key("u", "u", "group", "group", "group by: nothing, group, name, status, host", ("fleet",), rank=4),
    Key("space", "space", "choose", "select",
        "select the run, or all of a group on its head: keys then mean all that are selected",
        ("fleet",), rank=4),
    Key("ctrl+a", "ctrl+a", "choose_all", "", "select all that are listed; again: none", ("fleet",)),
    Key("v", "v", "together", "together", "the curves of the selected runs in one set of charts",
        ("fleet",), rank=4),
    Key("p", "p", "pin", "pin", "pin: keep on top, also tomorrow; again: no more", ("fleet",), rank=6),
    Key("d", "d", "hide", "hide", "hide: take from the list, nothing is deleted; again: no more",
        ("fleet",), rank=6),
    Key("full_stop", ".", "show_hidden", "", "show hidden runs too, dimmed", ("fleet",)),
    Key("C", "C", "columns", "", "choose and order the columns", ("fleet",)),
    Key("escape", "esc", "back", "", "undo: the selection, else the filter", ("fleet",)),
    Key("escape,backspace", "esc", "back", "back",
        "back: from one chart to all, from a pane to the charts, to the list of runs", ("run",), rank=1),
    Key("1", "1", "pane(0)", "", "charts", ("run",)),
    Key("2", "2", "pane(1)", "", "signals: what is wrong, since when, evidence, advice", ("run",)),
    Key("3", "3", "pane(2)", "", "system: GPUs, processor, memory, disk, network", ("run",)),
    Key("4", "4", "pane(3)", "", "ranks: who is slow, whose numbers differ", ("run",)),
    Key("5", "5", "pane(4)", "", "saved: checkpoints, their size, proof and path", ("run",)),
    Key("6", "6", "pane(5)", "", "output of the training", ("run",)),
    Key("7", "7", "pane(6)", "", "origin: configuration, code, data, seeds, environment", ("run",)),
    Key("8", "8", "pane(7)", "", "audit: the checklist before a result is declared", ("run",)),
    Key("n,pagedown", "n PgDn", "page(1)", "more charts",
        "the next page of charts; of one chart: the next", _CHARTS, rank=3),
    Key("p,pageup", "p PgUp", "page(-1)", "", "the page of charts before", _CHARTS),
    Key("tab", "tab", "chart(1)", "", "choose the next chart", _CHARTS),
    Key("shift+tab", "shift+tab", "chart(-1)", "", "choose the chart before", _CHARTS),
    Key("enter,f", "enter f", "enlarge", "full",
        "the chosen chart on the whole screen with all its values, and back", _BOARDS, rank=2),
    Key("left_square_bracket", "[", "columns(-1)", "",
        "fewer columns; below one: chosen by itself again", _CHARTS),
    Key("right_square_bracket", "]", "columns(1)", "",
        "more columns; beyond what fits: chosen by itself again", _CHARTS),
    Key("slash", "/", "filter", "filter",
        "only charts with these words in the names of charts and curves, or re:pattern", _CHARTS, rank=4),
    Key("plus,equals_sign", "+", "zoom(1)", "zoom",
        "half of the x axis, of all charts: around the cursor, else at the newest point; or the wheel",
        _CHARTS, rank=3),
    Key("minus", "-", "zoom(-1)", "", "twice as much of the x axis; or the wheel", _CHARTS),
    Key("left", "←", "sideways(-1, False)", "",
        "to the left: the cursor, when it is on, else the part that is zoomed; or drag", _CHARTS),
    Key("right", "→", "sideways(1, False)", "", "to the right", _CHARTS),
    Key("shift+left", "shift+←", "sideways(-1, True)", "", "to the left by much", _CHARTS),
    Key("shift+right", "shift+→", "sideways(1, True)", "", "to the right by much", _CHARTS),
    Key("home", "Home", "end(-1)", "", "to the first point", _CHARTS),
    Key("end", "End", "end(1)", "",
        "to the newest point; a zoomed part that shows it follows a live run", _CHARTS),
    Key("0", "0", "whole", "", "the whole x axis again", _CHARTS),
    Key("w", "w", "cursor", "what is here",
        "a cursor that reads all charts at one place; or the mouse", _CHARTS, rank=3),
    Key("x", "x", "axis", "axis",
        "x axis: step, epoch, time, tokens, as far as the run has them; of several also steps to their ends",
        _CHARTS, rank=4),
    Key("y", "y", "log", "log", "logarithmic y axis on or off", _CHARTS, rank=4),
    Key("z", "z", "smooth", "smooth", "smoothing on or off (raw curves stay, dim)", _CHARTS, rank=4),
    Key("less_than_sign", "<", "weight(-1)", "", "smooth less", _CHARTS),
    Key("greater_than_sign", ">", "weight(1)", "", "smooth more: 0.5, 0.8, 0.9, 0.95, 0.99", _CHARTS),
    Key("u", "u", "clip", "", "leave extreme outliers out of the y axis, and say how many", _CHARTS),
    Key("e", "e", "export", "export", "save the chosen chart as SVG or PNG, or its data as CSV",
        _CHARTS, rank=5),
    Key("l", "l", "console", "output",
        "the training's own output below the charts: some lines, many, none", ("charts",), rank=5),
    Key("up", "↑", "choose(-1)", "", "the run above in the legend", ("together",)),
    Key("down", "↓", "choose(1)", "", "the run below", ("together",)),
    Key("enter", "enter", "open", "open", "open the run that is chosen in the legend", ("together",), rank=1),
    Key("escape,backspace", "esc", "back", "back", "back: the whole view, all runs, the list of runs",
        ("together",), rank=3),
    Key("space", "space", "switch", "on/off", "switch the chosen run, or group, off and on", ("together",),
        rank=2),
    Key("o", "o", "solo", "only this", "the chosen run, or group, alone; again: all", ("together",), rank=3),
    Key("b", "b", "band", "band",
        "repeats of one configuration as mean ± std; with their runs behind it; each run a line",
        ("together",), rank=2),
    Key("g", "g", "differences", "differences", "what the runs do not have alike, side by side",
        ("together",), rank=2),
    Key("k", "k", "legend", "", "the legend on or off", ("together",)),
    Key("f", "f", "enlarge", "full", "the chosen chart on the whole screen, and back", ("together",), rank=3),
    Key("up,k", "↑ k", "scroll(-1)", "", "scroll up", ("differences",)),
    Key("down,j", "↓ j", "scroll(1)", "", "scroll down", ("differences",)),
    Key("pageup,b", "PgUp", "scroll(-15)", "", "a page up", ("differences",)),
    Key("pagedown,space", "PgDn", "scroll(15)", "", "a page down", ("differences",)),
    Key("right,n", "→ n", "columns(1)", "more runs", "the next runs", ("differences",), rank=2),
    Key("left,p", "← p", "columns(-1)", "", "the runs before", ("differences",)),
    Key("home", "Home", "edge(-1)", "", "the first run", ("differences",)),
    Key("end", "End", "edge(1)", "", "the last run", ("differences",)),
    Key("escape,g,backspace", "esc g", "close", "back", "back to the charts", ("differences",), rank=1),
    Key("up,k", "↑ k", "choose(-1)", "", "the entry above", ("signals", "saved")),
    Key("down,j", "↓ j", "choose(1)", "", "the entry below", ("signals", "saved")),
    Key("pageup,b", "PgUp", "scroll(-8)", "", "what is told about it: up", ("signals", "saved")),
    Key("pagedown,space", "PgDn", "scroll(8)", "", "what is told about it: down", ("signals", "saved")),
    Key("z", "z", "snooze", "snooze",
        "acknowledge this one for an hour: then it is news again", ("signals",), rank=6, acting=True),
    Key("enter", "enter", "jump", "on the chart", "where it began, on the charts", ("signals",), rank=2),
    Key("y", "y", "copy", "copy path", "its path to the terminal's clipboard (OSC 52)", ("saved",), rank=2),
    Key("up,k", "↑ k", "scroll(-1)", "", "scroll up", _TEXTS),
    Key("down,j", "↓ j", "scroll(1)", "", "scroll down", _TEXTS),
    Key("pageup,b", "PgUp", "scroll(-15)", "", "a page up", ("ranks", "origin", "audit")),
    Key("pagedown,space", "PgDn", "scroll(15)", "", "a page down", ("ranks", "origin", "audit")),
    Key("pageup,b", "PgUp", "page(-1)", "", "a page up", ("output",)),
    Key("pagedown,space", "PgDn", "page(1)", "", "a page down", ("output",)),
    Key("home,g", "Home g", "edge(-1)", "", "the beginning", _TEXTS),
    Key("end,G", "End G", "edge(1)", "", "the end; of output: follow it again", _TEXTS),
    Key("n", "n", "section(1)", "next section", "the next section", ("origin",), rank=2),
    Key("p", "p", "section(-1)", "", "the section before", ("origin",)),
    Key("slash", "/", "search", "search", "search for words", ("output",), rank=2),
    Key("n", "n", "match(1)", "", "the next match", ("output",)),
    Key("p", "p", "match(-1)", "", "the match before", ("output",)),
    Key("f", "f", "follow", "follow", "follow the end, or stay where you are", ("output",), rank=2),
    Key("w", "w", "wrap", "wrap", "long lines on several rows, or cut", ("output",), rank=4),
    Key("i", "i", "info", "info",
        "everything about the run: signals with evidence, checkpoints, attempts, data",
        _RUNS, rank=4),
    Key("a", "a", "acknowledge", "acknowledge",
        "acknowledge the signals that stand: they stay, dimmed, until they grow worse or come again",
        _RUNS, rank=5, acting=True),
    Key("y", "y", "confirm(True)", "", "do it", ("stop",), acting=True),
    Key("enter", "enter", "confirm(False)", "",
        "do it, where nothing is lost by that", ("stop",), acting=True),
    Key("S", "S", "climb", "",
        "when a stop makes no progress: the next, harder rung", ("stop",), acting=True),
    Key("escape,n", "esc n", "close", "", "close the dialog; what was sent goes on", ("stop",)),
    Key("escape", "esc", "close", "", "leave the line, and write nothing", ("words",), acting=True),
    Key("1,v", "1 v", "save('svg')", "", "as SVG", ("export",)),
    Key("2,p", "2 p", "save('png')", "", "as PNG", ("export",)),
    Key("3,c", "3 c", "save('csv')", "", "its numbers as CSV", ("export",)),
    Key("f", "f", "folder", "", "into another folder", ("export",)),
    Key("escape", "esc", "close", "", "close the dialog", ("export",)),
    Key("up,k", "↑ k", "choose(-1)", "", "the column above", ("columns",)),
    Key("down,j", "↓ j", "choose(1)", "", "the column below", ("columns",)),
    Key("K,shift+up", "K", "carry(-1)", "", "move it up: further left in the list", ("columns",)),
    Key("J,shift+down", "J", "carry(1)", "", "move it down", ("columns",)),
    Key("space", "space", "switch", "", "leave it out, or show it", ("columns",)),
    Key("0", "0", "itself", "", "all of them, in the usual order", ("columns",)),
    Key("enter", "enter", "confirm", "", "keep it, also for the next time", ("columns",)),
    Key("escape", "esc", "close", "", "leave the list as it was", ("columns",)),
    Key("up,k", "↑ k", "scroll(-1)", "", "scroll up", ("text",)),
    Key("down,j", "↓ j", "scroll(1)", "", "scroll down", ("text",)),
    Key("pageup,b", "PgUp", "scroll(-15)", "", "a page up", ("text",)),
    Key("pagedown,space", "PgDn", "scroll(15)", "", "a page down", ("text",)),
    Key("escape,i,left", "esc", "close", "back", "back", ("text",), rank=1),
    Key("up,ctrl+k", "↑", "choose(-1)", "", "the entry above", ("palette",)),
    Key("down,ctrl+j", "↓", "choose(1)", "", "the entry below", ("palette",)),
    Key("pageup", "PgUp", "choose(-10)", "", "ten entries up", ("palette",)),
    Key("pagedown", "PgDn", "choose(10)", "", "ten entries down", ("palette",)),
    Key("enter", "enter", "confirm", "", "do what is chosen", ("palette",)),
    Key("escape,ctrl+p", "esc", "close", "", "close it", ("palette",)),
    Key("colon,ctrl+p", ": ctrl+p", "palette", "", "all that can be done here, settings, and runs: by name",
        ("everywhere",), rank=4),
    Key("t", "t", "theme", "", "colours: dark, light, high contrast, the terminal's own", ("everywhere",)),
    Key("question_mark,h", "? h", "help", "help", "this page", ("everywhere",), rank=0),
    Key("q,ctrl+c", "q", "leave", "quit",
        "leave; no training is ever stopped by that", ("everywhere",), rank=0),
)  # fmt: skip

SECTIONS: Final[tuple[tuple[Where, str], ...]] = (
    ("fleet", "List of runs"),
    ("run", "One run"),
    ("charts", "Charts, those of the system, too"),
    ("signals", "Signals"),
    ("ranks", "Ranks"),
    ("saved", "Saved"),
    ("output", "Output"),
    ("origin", "Origin"),
    ("audit", "Audit"),
    ("together", "Several runs together"),
    ("differences", "Their differences"),
    ("stop", "Dialogs: stop, checkpoint, resume"),
    ("words", "Dialogs: note, tags (Enter writes)"),
    ("export", "Export of a chart"),
    ("columns", "Columns of the list"),
    ("text", "This page"),
    ("palette", "Palette"),
    ("everywhere", "Everywhere"),
)


OWNERS: Final[dict[Where, str]] = {
    "everywhere": "app.", "fleet": "", "run": "", "stop": "", "text": "", "together": "", "differences": "",
}  # fmt: skip
"""Whose action a key of this place calls when it is clicked or chosen; a pane's: the focused widget's."""


def keys_for(where: Where, *, readonly: bool = False) -> Iterator[Key]:
    """The keys of one place, without those that act when ``readonly``."""
    for key in TABLE:
        if where in key.where and not (readonly and key.acting):
            yield key
