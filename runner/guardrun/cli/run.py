"""``guard run``: launch a training under supervision, or take one up again."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

from guardrun.cli.events_tail import supervisor_end
from guardrun.cli.front import Front, Received, end_by
from guardrun.cli.in_job import end_of, goes_on, requeue_own_job, run_of_this_job
from guardrun.cli.launch import Launch, attempts_of, plan, read_attempt, secrets_of, write_attempt
from guardrun.cli.result import print_result
from guardrun.cli.submitting import refuse_if_in_queue, scheduler_for, submit_run
from guardrun.cli.terminal import interactive
from guardrun.errors import UserError
from guardrun.events.access import Access
from guardrun.events.paths import RunPaths
from guardrun.events.run_ids import create_run
from guardrun.provenance.config import Loaded, config_from_command, config_yaml, load_config
from guardrun.provenance.slurm import NAME as SLURM
from guardrun.provenance.slurm import sbatch_words, warning_of
from guardrun.reading.plain_text import plain

_GOES_ON = 0


class Options(NamedTuple):
    """What was typed."""

    words: tuple[str, ...]
    command: tuple[str, ...] | None
    """Behind ``--``; None: no ``--`` was typed."""
    watch: bool
    detach: bool
    foreground: bool
    resume: str | None
    attach: str | None
    takeover: bool
    dry_run: bool
    runs_dir: Path
    name: str | None
    group: str | None
    logs: str | None = None
    """Where the training writes a log of its own."""


class _RunCommand(click.Command):
    """Everything behind the first ``--`` is the training's command, whatever it looks like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            ctx.meta["guardrun.command"] = tuple(args[at + 1 :])
            args = args[:at]
        elif not args:
            raise UserError("what shall be run?", hint=_USAGE)
        return super().parse_args(ctx, args)


_USAGE = (
    "guard run CONFIG.yaml [KEY=VALUE …]\nguard run [options] -- python train.py …\nguard run --resume RUN"
)


@click.command(
    cls=_RunCommand,
    options_metavar="[OPTIONS]",
    epilog="A RUN is a run directory, a run id, a name, or a unique prefix.",
)
@click.argument("words", nargs=-1, metavar="CONFIG.yaml [KEY=VALUE …] | -- COMMAND …")
@click.option("--watch", is_flag=True, help="Open the dashboard on the run.")
@click.option("--detach", is_flag=True, help="Return at once and print the run's directory.")
@click.option("--foreground", is_flag=True, help="The training gets this terminal: breakpoint() works.")
@click.option("--resume", metavar="RUN", help="Go on from the run's last checkpoint, as its next attempt.")
@click.option("--attach", metavar="RUN", help="Supervise a training whose supervisor has gone.")
@click.option("--takeover", is_flag=True, help="Resume although a holder on another host may still live.")
@click.option("--dry-run", is_flag=True, help="Show what would be run, and run nothing.")
@click.option(
    "--runs-dir", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"),
    envvar="GUARDRUN_RUNS_DIR", show_default=True, help="Where run directories are made and looked for.",
)  # fmt: skip
@click.option("--name", help="Name of the run.")
@click.option("--group", help="Group of the run (seeds, a sweep).")
@click.option(
    "--logs", metavar="PATH", help="The training's own log (CSV, JSON lines): its curves are shown."
)
@click.pass_context
def command(ctx: click.Context, /, **typed: Any) -> int:
    """Launch a training under supervision.

    Exit code: 0 finished or stopped safely, 1 the training failed, 2 usage or configuration error,
    3 aborted by a signal, 5 a stop that had to be forced; 130 and 143 after Ctrl-C and SIGTERM.
    """
    options = Options(command=ctx.meta.get("guardrun.command"), **typed)
    _check_usage(options)
    if options.attach:
        return _attach(options)
    if options.resume:
        return _resume(options)
    return launch_training(options)


def _check_usage(options: Options) -> None:
    """Refuse what excludes each other, with the words that were typed."""
    modes = [f"--{word}" for word in ("watch", "detach", "foreground", "dry_run") if getattr(options, word)]
    if len(modes) > 1:
        raise UserError(f"{modes[0]} and {modes[1]} exclude each other".replace("_", "-"))
    if options.attach and options.resume:
        raise UserError("--attach takes up a living training, --resume starts anew from a checkpoint")
    if options.attach and (options.words or options.command is not None or options.foreground):
        raise UserError("--attach takes the training as it is: no configuration, command or --foreground")
    if options.takeover and not (options.resume or options.attach):
        raise UserError("--takeover belongs to --resume or --attach")
    if options.resume and options.command is not None:
        raise UserError("--resume runs the command that the run was started with")
    if (options.resume or options.attach) and (options.name or options.group):
        raise UserError("a run keeps its name and group")
    if options.attach and options.logs:
        raise UserError("--attach reads the log that the attempt was started with")


def load(options: Options) -> tuple[Loaded, Path]:
    """The configuration that was asked for, and the folder that its ``workdir`` is relative to."""
    if options.command is not None:
        if options.words:
            raise UserError(
                f"{options.words[0]!r} stands before `--`, and a command behind it; give one of them",
                hint=_USAGE,
            )
        if not options.command:
            raise UserError("there is no command behind `--`", hint="guard run -- python train.py …")
        loaded = config_from_command(
            options.command, name=options.name, group=options.group, logs=options.logs
        )
        return loaded, Path.cwd()
    if not options.words:
        raise UserError("what shall be run?", hint=_USAGE)
    file, *overrides = options.words
    _check_is_config(file)
    return load_config(file, [*overrides, *_as_overrides(options)]), Path(file).resolve().parent


def _as_overrides(options: Options) -> list[str]:
    """Options that stand for a key of the configuration."""
    typed = {"name": options.name, "group": options.group, "logs": options.logs}
    return [f"{key}={_quoted(value)}" for key, value in typed.items() if value]


def _quoted(text: str) -> str:
    """As a YAML string, whatever it holds (JSON strings are YAML)."""
    import json

    return json.dumps(text, ensure_ascii=False)


def _check_is_config(word: str) -> None:
    """A script or a program in the place of the configuration: say how that is run."""
    path = Path(word)
    if path.suffix == ".py":
        raise UserError(f"{word} is a script, not a configuration", hint=f"guard run -- python {word} …")
    if path.is_dir():
        raise UserError(f"{word} is a folder, not a configuration", hint=_USAGE)
    if not path.exists() and path.suffix not in (".yaml", ".yml"):
        if "=" in word:
            raise UserError("the configuration is missing", hint=f"guard run CONFIG.yaml {word} …")
        if shutil.which(word):
            raise UserError(
                f"there is no configuration file {word}", hint=f"to run a program: guard run -- {word} …"
            )


def launch_training(options: Options) -> int:
    """Launch what the options ask for and stay in front of it; the exit code."""
    loaded, base = load(options)
    launch = plan(loaded.config, base)
    if options.dry_run:
        return _show_plan(loaded, launch, f"a new run below {options.runs_dir}")
    begun = run_of_this_job(options.runs_dir, loaded)
    if begun is not None:
        return _take_up(begun, options, secrets_of(loaded, launch).known)
    scheduler = scheduler_for(loaded.config.launcher, foreground=options.foreground)
    access = Access(loaded.config.access.private, loaded.config.access.group)
    paths = create_run(options.runs_dir, loaded.config.name, group=loaded.config.group, access=access)
    try:
        variables = write_attempt(paths, 1, loaded, launch, resume_from=None, more=scheduler)
    except BaseException:  # Ctrl-C while git is asked, too: where nothing ever happened is no run
        shutil.rmtree(paths.root, ignore_errors=True)
        raise
    if scheduler:
        submit_run(paths, 1, loaded.effective, variables, created=True)
        return _in_the_queue(paths, options)
    return _supervise(paths, 1, options, loaded.config.stop.grace, created=True, variables=variables)


def _resume(options: Options, *, restarted: bool = False, secrets: Mapping[str, str] | None = None) -> int:
    """``restarted``: by a scheduler, so that a run without a checkpoint begins anew."""
    from guardrun.cli.resuming import ANEW, plan_resume
    from guardrun.reading.discovery import resolve_run
    from guardrun.supervising.holding import refuse_if_held

    assert options.resume is not None
    paths = RunPaths(resolve_run(options.resume, options.runs_dir).resolve())
    refuse_if_held(paths, options.takeover)
    refuse_if_in_queue(paths)
    overrides = [*options.words, *_as_overrides(options)]
    number, loaded, launch, start = plan_resume(paths, overrides, secrets=secrets, anew=restarted)
    own = "its beginning" if ANEW in start.remarks else "the training's own checkpoint"
    origin = start.checkpoint or own
    for remark in start.remarks:
        print(f"guard: {plain(remark)}", file=sys.stderr)
    if options.dry_run:
        return _show_plan(loaded, launch, f"attempt {number} of {paths.root.name}, from {origin}")
    scheduler = scheduler_for(loaded.config.launcher, foreground=options.foreground)
    variables = write_attempt(
        paths, number, loaded, launch, resume_from=start.checkpoint, takeover=options.takeover, more=scheduler
    )
    if not options.detach:
        print(f"guard: resuming {paths.root.name} from {origin} (attempt {number})", file=sys.stderr)
    if scheduler:
        submit_run(paths, number, loaded.effective, variables, created=False)
        return _in_the_queue(paths, options)
    return _supervise(paths, number, options, loaded.config.stop.grace, variables=variables)


def _take_up(paths: RunPaths, options: Options, secrets: Mapping[str, str]) -> int:
    """The job was started again, and this run was begun before: go on with it, unless it is over."""
    end = end_of(paths)
    if not goes_on(end):
        print(f"guard: {paths.root.name} was over before this job was started again", file=sys.stderr)
        return _exit_code(end or {})
    again = options._replace(
        resume=str(paths.root), words=(), command=None, name=None, group=None, logs=None, takeover=True
    )
    return _resume(again, restarted=True, secrets=secrets)


def _in_the_queue(paths: RunPaths, options: Options) -> int:
    """Submitted: the dashboard if it was asked for; leaving it leaves the job where it is."""
    if options.watch and interactive():
        from guardtui.app import run_dashboard

        folder, run = _seen_from(options.runs_dir, paths.root)
        run_dashboard([folder], focus=run)
    return _GOES_ON


def _attach(options: Options) -> int:
    from guardrun.reading.discovery import resolve_run
    from guardrun.supervising.holding import refuse_if_held

    assert options.attach is not None
    paths = RunPaths(resolve_run(options.attach, options.runs_dir).resolve())
    numbers = attempts_of(paths)
    if not numbers:
        raise UserError(f"{paths.root.name} was never launched by guard; there is nothing to attach to")
    refuse_if_held(paths, options.takeover, holders=("supervisor",))
    end = supervisor_end(paths, numbers[-1])
    if end is not None:
        raise UserError(
            f"{paths.root.name} is over ({end.get('status')})",
            hint=f"guard show {paths.root}, or guard run --resume {paths.root}",
        )
    config = read_attempt(paths, numbers[-1]).get("config") or {}
    if options.dry_run:
        print(f"would supervise attempt {numbers[-1]} of {paths.root.name} again; nothing was started")
        return 0
    grace = float((config.get("stop") or {}).get("grace") or 60.0)
    return _supervise(paths, numbers[-1], options, grace, attach=True)


def _supervise(
    paths: RunPaths, attempt: int, options: Options, grace: float, *, created: bool = False,
    attach: bool = False, variables: Mapping[str, str] | None = None,
) -> int:  # fmt: skip
    """Start the supervisor and be its front in the way that was asked for; the exit code."""
    if options.foreground:
        os.environ.update(variables or {})
        return _in_foreground(paths, attempt)
    if options.detach or (options.watch and interactive()):
        front = _start(paths, attempt, options, grace, attach=attach, variables=variables)
        front.wait_until_started()
        return _detached(paths, front.end) if options.detach else _with_dashboard(paths, options, front)
    with Received() as received:
        front = _start(paths, attempt, options, grace, attach=attach, variables=variables)
        if created:
            print(f"guard: {os.path.relpath(paths.root)}", file=sys.stderr, flush=True)
        end = _in_front(paths, front, received)
    if front.stopped_by == signal.SIGUSR1:
        requeue_own_job(read_attempt(paths, attempt), end)
    if front.stopped_by is not None and str(end.get("reason", "")).startswith("stop:"):
        return end_by(front.stopped_by)
    return _exit_code(end)


def _start(
    paths: RunPaths, attempt: int, options: Options, grace: float, *, attach: bool,
    variables: Mapping[str, str] | None,
) -> Front:  # fmt: skip
    """The supervisor in the background, and a front for it."""
    from guardrun.supervising.spawning import spawn_supervisor

    offset = paths.console.stat().st_size if paths.console.exists() else 0
    try:
        pid = spawn_supervisor(paths, attempt, attach=attach, takeover=options.takeover, variables=variables)
    except OSError as error:
        raise UserError(f"cannot start the supervisor: {error.strerror or error}", exit_code=1) from error
    return Front(
        paths, attempt, supervisor=pid, grace=grace, warning=warning_of(read_attempt(paths, attempt)),
        console_offset=offset, catch_up=not attach,
    )  # fmt: skip


def _in_front(paths: RunPaths, front: Front, received: Received) -> dict[str, Any]:
    """Wait for the end and print the result."""
    try:
        end = front.wait(received)
        print_result(paths, end)
    except BrokenPipeError:
        print(f"guard: nobody reads the output any more; {_goes_on(paths)}", file=sys.stderr)
        raise
    return end


def _in_foreground(paths: RunPaths, attempt: int) -> int:
    """Supervisor and training in this terminal: the training reads the keyboard and writes the screen."""
    from guardrun.supervising.supervisor import run_supervisor

    code = run_supervisor(paths, attempt, foreground=True)
    print_result(paths, supervisor_end(paths, attempt) or {})
    return code


def _with_dashboard(paths: RunPaths, options: Options, front: Front) -> int:
    """The dashboard in front; leaving it leaves the training running."""
    from guardrun.cli.result import print_result
    from guardtui.app import run_dashboard

    if front.end is None:
        folder, run = _seen_from(options.runs_dir, paths.root)
        run_dashboard([folder], focus=run)
    end = front.look()
    if end is None:
        print(_goes_on(paths))
        return _GOES_ON
    print_result(paths, end)
    return _exit_code(end)


def _seen_from(runs_dir: Path, root: Path) -> tuple[Path, Path]:
    """The folder to watch and the run in it, spelled alike; the run alone when it lies elsewhere."""
    folder, run = runs_dir.resolve(), root.resolve()
    return (runs_dir, runs_dir / run.relative_to(folder)) if run.is_relative_to(folder) else (root, root)


def _detached(paths: RunPaths, end: dict[str, Any] | None) -> int:
    if end is not None and end.get("status") == "failed":
        raise UserError(str(end.get("error") or end.get("reason") or "the training failed"), exit_code=1)
    print(paths.root)
    print(f"guard: {_goes_on(paths)}", file=sys.stderr)
    return 0


def _goes_on(paths: RunPaths) -> str:
    folder = os.path.relpath(paths.root)
    return f"{paths.root.name} goes on. Look: guard watch {folder}; stop: guard stop {folder}"


def _exit_code(end: dict[str, Any]) -> int:
    code = end.get("guard_exit")
    return code if isinstance(code, int) else 1


def _show_plan(loaded: Loaded, launch: Launch, what: str) -> int:
    import shlex

    print(plain(f"# would start {what}; nothing was started"))
    print(plain(f"# command: {shlex.join(launch.command)}"))
    print(plain(f"# in: {launch.workdir}"))
    if loaded.config.launcher == SLURM:
        print(plain(f"# by: {shlex.join(sbatch_words(loaded.effective, 'RUN', ['RUN/slurm.sh']))}"))
    print(config_yaml(loaded, origins=True), end="")
    return 0
