"""The ``guard`` command: finds the command's module by a table and turns mistakes into one sentence."""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
from typing import Any

import click

from guardrun import __version__
from guardrun.errors import UserError

COMMANDS: dict[str, str] = {
    "run": "Launch a training under supervision.",
    "watch": "Open the dashboard over every run below the paths.",
    "ls": "List runs, worst signal first.",
    "show": "Show one run: status, progress, signals, checkpoints.",
    "stop": "Stop a run safely and show each stage.",
    "ack": "Acknowledge signals of a run: they stay, and count no more.",
    "note": "Write a note about a run, or read its notes and tags.",
    "tag": "Add and remove tags of a run.",
    "check": "Try a training briefly: can it learn, and from the right thing?",
    "signals": "Judge a run, or a log of another tool, offline.",
    "import": "Make run directories of logs that other tools wrote.",
    "mirror": "Show runs in TensorBoard, W&B or MLflow as well.",
    "sweep": "Run a grid of settings as a group.",
    "repeat": "Run again: over seeds, or exactly as it was.",
    "audit": "Ask what must hold before a result is declared.",
    "report": "Write one HTML page about runs: numbers, curves, audit.",
    "compare": "Compare repeated runs: spread over seeds, tests, costs, fairness.",
    "data": "Hash and statistics of data, splits, duplicates.",
    "demo": "Train a small network for half a minute, in the dashboard.",
}
"""Command -> its line in ``guard --help``. Each lives in ``guardrun.cli.<name>`` as ``command``."""

_MODULES = {"import": "import_"}
"""Where a command's name cannot be that of a module."""

_INTERRUPTED = 130
_BROKEN_PIPE = 141
_MACHINE = {
    errno.EACCES: "this user may not do that there; ask its owner, or use another place",
    errno.EPERM: "this user may not do that there; ask its owner, or use another place",
    errno.EROFS: "the file system is read-only; use another place",
    errno.ENOSPC: "make room on that disk, or use another place",
    errno.EDQUOT: "make room in this user's quota, or use another place",
}
"""What a machine may refuse anywhere, and what to do: no mistake of ours, so no traceback."""


class _LazyGroup(click.Group):
    """Imports a command's module only when that command is used: ``guard --help`` stays instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"guardrun.cli.{_MODULES.get(cmd_name, cmd_name)}")
        found: click.Command = module.command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            raise UserError(f"there is no command {name!r}", hint=_nearest(name))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _nearest(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, COMMANDS, n=1)
    if close:
        return f"did you mean `guard {close[0]}`?"
    return f"commands: {', '.join(COMMANDS)}; `guard --help` says what each does"


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="guard", message="%(prog)s %(version)s")
def guard() -> None:
    """Supervise neural-network training: live curves, signals, a safe stop that keeps the best checkpoint."""


def main() -> None:
    """Entry point of the ``guard`` command. Ends the process; a user's mistake never shows a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows only ASCII shows question marks instead of failing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; messages go to standard error."""
    try:
        result = _invoke(arguments)
        sys.stdout.flush()
    except UserError as error:
        complain(error.message, error.hint)
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        return _usage_error(error)
    except (KeyboardInterrupt, click.exceptions.Abort):
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has gone; the interpreter must not complain about it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except OSError as error:
        if error.errno not in _MACHINE:
            raise
        complain(f"{error.filename or 'a file'}: {error.strerror}", _MACHINE[error.errno])
        return 2
    return result if type(result) is int else 0


def _invoke(arguments: list[str]) -> Any:
    """What the command returns. click's own ``main`` would turn a broken pipe into exit code 1."""
    if "_GUARD_COMPLETE" in os.environ:
        return guard.main(args=arguments, prog_name="guard")
    with guard.make_context("guard", list(arguments)) as context:
        return guard.invoke(context)


def complain(message: str, hint: str = "") -> None:
    """``guard: message`` and the hint below it, on standard error."""
    from guardrun.reading.plain_text import plain

    sys.stdout.flush()
    print(f"guard: {plain(message)}", file=sys.stderr)
    for line in hint.splitlines():
        print(f"       {plain(line)}", file=sys.stderr)


def _usage_error(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return 0
    context = getattr(error, "ctx", None)
    hint = f"see `{context.command_path} --help`" if context is not None else ""
    complain(error.format_message().rstrip("."), hint)
    return 2


if __name__ == "__main__":
    main()
