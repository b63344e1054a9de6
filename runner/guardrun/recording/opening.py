"""Where a run's events go: into the run that `guard run` made, into a new one, or nowhere."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from guardrun import __version__
from guardrun.errors import UserError
from guardrun.events.access import Access
from guardrun.events.atomic import write_atomic
from guardrun.events.encode import encode
from guardrun.events.paths import RunPaths
from guardrun.events.run_ids import create_run
from guardrun.events.untrusted import read_object
from guardrun.provenance.host import Lease, LeaseHeld, boot_id, host_name, process_start
from guardrun.provenance.secrets import Secrets, from_environment, reveal
from guardrun.recording import rendezvous
from guardrun.recording.config_view import DEFAULTS, ConfigView, from_script, merge
from guardrun.recording.ranks import RankIdentity, identify
from guardrun.recording.session import Session, brief, say
from guardrun.recording.slow_disks import BATCH_DELAY_S, file_system_type, is_slow
from guardrun.recording.stack_dumps import offer_stacks
from guardrun.recording.writer import EventWriter


class Asked(NamedTuple):
    """The arguments of start()."""

    name: str | None
    config: Mapping[str, Any] | None
    monitor: str | None
    mode: str | None
    runs_dir: str | os.PathLike[str] | None
    group: str | None


class Opened(NamedTuple):
    """A session and what has to be given back at its end."""

    session: Session
    lease: Lease | None
    announced: Path | None
    launched_seed: int | None
    """The seed that the launcher's configuration sets; it outranks the script's."""


class Target(NamedTuple):
    """The run directory to write into, and what is known of the attempt."""

    paths: RunPaths | None
    attempt: int
    launch: dict[str, Any]
    lease: Lease | None = None
    announced: Path | None = None
    supervised: bool = False


def open_session(asked: Asked, *, ordinal: int, parent: str | None, join: bool) -> Opened:
    """Join the run that the environment names (if ``join``), else make one or find rank 0's. Never raises
    for what the machine does not allow: the training then goes on unrecorded, and is told so.
    """
    rank = identify()
    script = merge(DEFAULTS, _from_arguments(asked))
    target = _join(rank) if join else None
    if target is None:
        parent = parent or _name_of_launched()
        target = _alone(asked, script, rank, ordinal, parent)
    config = merge(script, _beyond_defaults(target.launch.get("config") or {}))
    session = Session(
        paths=target.paths,
        writer=_writer(target, rank),
        attempt=target.attempt,
        rank=rank,
        config=ConfigView(config),
        resume_from=_resume_from(target),
        supervised=target.supervised,
        ordinal=ordinal,
    )
    session.facts = _facts(target.launch, config)
    seed = target.launch.get("config", {}).get("seed") if target.supervised else None
    return Opened(session, target.lease, target.announced, seed)


def _resume_from(target: Target) -> str | None:
    """The checkpoint that the attempt begins with; ranks that torchrun starts anew within it go on from the
    newest whole one instead.
    """
    if not target.supervised or target.paths is None:
        return None
    given = target.launch.get("resume_from")
    if os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") in ("", "0"):
        return given
    from guardrun.recording.checkpoints.load import choose_resume

    try:
        choice = choose_resume(target.paths)
    except UserError as error:
        say(f"the ranks were started anew, from the beginning: {error.message}")
        return given
    return given if choice is None else f"checkpoints/{choice.folder}"


# -- the configuration


def _from_arguments(asked: Asked) -> dict[str, Any]:
    config = from_script(asked.config)
    if isinstance(config.get("monitor"), str):
        config["monitor"] = {"metric": config["monitor"]}
    for key, default in DEFAULTS.items():
        if isinstance(default, dict) and not isinstance(config.get(key, default), Mapping | None):
            raise UserError(f"config[{key!r}] is a section of its own, not {config[key]!r}")
    for key, value in (("name", asked.name), ("group", asked.group)):
        if value is not None:
            config[key] = value
    config["name"] = config.get("name") or _script_name()
    if asked.monitor is not None:
        config["monitor"] = {"metric": asked.monitor, "mode": asked.mode or _mode_of(asked.monitor)}
    elif asked.mode is not None:
        config["monitor"] = {**(config.get("monitor") or {}), "mode": asked.mode}
    monitor = config.get("monitor")
    if isinstance(monitor, dict) and monitor.get("mode") is None and monitor.get("metric"):
        config["monitor"] = {**monitor, "mode": _mode_of(monitor["metric"])}
    mode = (config.get("monitor") or {}).get("mode")
    if mode not in (None, "min", "max"):
        raise UserError(
            f"mode is min or max, not {mode!r}", hint='guardrun.start(monitor="val/acc", mode="max")'
        )
    return config


def _mode_of(metric: str) -> str:
    from guardrun.events.names import canonical_metric
    from guardrun.provenance.config.normal import mode_of

    found = mode_of(canonical_metric(metric))
    if found is None:
        raise UserError(
            f"the name {metric!r} does not tell whether less or more is better",
            hint=f'say it: guardrun.start(monitor={metric!r}, mode="max")',
        )
    return found


def _beyond_defaults(config: Mapping[str, Any], defaults: Mapping[str, Any] = DEFAULTS) -> dict[str, Any]:
    """What a launcher's configuration says beyond the defaults that were filled into it."""
    kept: dict[str, Any] = {}
    for key, value in config.items():
        default = defaults.get(key)
        if key != "params" and isinstance(value, dict) and isinstance(default, dict):
            kept[key] = _beyond_defaults(value, default)
        elif key not in defaults or value != default:
            kept[key] = value
    return kept


def _script_name() -> str:
    stem = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] not in ("", "-c", "-m") else ""
    return stem or "run"


def _facts(launch: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    import hashlib

    git = launch.get("git") or {}
    canonical = _as_json(hidden(config), sort_keys=True)
    return {
        "commit": git.get("commit"), "dirty": git.get("dirty"), "code_sha256": git.get("code_sha256"),
        "config_sha256": hashlib.sha256(canonical).hexdigest(),
    }  # fmt: skip


# -- joining what `guard run` made


def _join(rank: RankIdentity) -> Target | None:
    folder = os.environ.get("GUARDRUN_DIR")
    if not folder:
        return None
    paths = RunPaths(folder)
    number = os.environ.get("GUARDRUN_ATTEMPT", "1")
    attempt = int(number) if number.isdigit() else 1
    try:
        launch = read_object(paths.attempt(attempt))
    except (OSError, ValueError) as error:
        if not paths.root.is_dir():
            say(f"GUARDRUN_DIR names {folder}, which is no folder; this training is recorded by itself")
            return None
        say(f"the attempt's file of {folder} can't be read ({brief(error)}); defaults are used")
        launch = {}
    launch["config"] = reveal(launch.get("config") or {}, from_environment())
    lease = Lease(paths.lease("trainer" if rank.rank == 0 else f"trainer.rank{rank.rank}"))
    try:
        # Whoever launched this has looked at rank 0's lease; nobody looks at those of ranks on other hosts.
        force = rank.rank != 0 or launch.get("takeover") is True
        lease.take(attempt, force=force, rank=rank.rank)
    except LeaseHeld:
        say("another process of this run records it already; this one makes a run of its own")
        return None
    except OSError as error:
        say(f"no lease on {folder}: {brief(error)}")
    return Target(paths, attempt, launch, lease, supervised=True)


def _name_of_launched() -> str | None:
    folder = os.environ.get("GUARDRUN_DIR")
    return Path(folder).name if folder and Path(folder).is_dir() else None


# -- alone


def _alone(
    asked: Asked, config: dict[str, Any], rank: RankIdentity, ordinal: int, parent: str | None
) -> Target:
    runs_dir = _runs_dir(asked.runs_dir)
    key = rendezvous.launch_key(ordinal) if rank.world_size > 1 else ""
    if rank.rank != 0:
        run = rendezvous.find(runs_dir, key, _wait_s())
        if run is None:
            say(f"rank {rank.rank} found no run of rank 0 within {_wait_s():g} s; it records nothing")
            return Target(None, 1, {})
        launch = _read_launch(RunPaths(run))
        # Each rank has the script's own secrets; rank 0 found them in the same order.
        launch["config"] = reveal(launch.get("config") or {}, _secrets_of(config).known)
        return Target(RunPaths(run), 1, launch)
    try:
        paths = create_run(
            runs_dir, config["name"], group=config["group"], parent=parent, access=_access(config["access"])
        )
    except UserError as error:
        say(f"{error.message}; this training is not recorded, and guard saves no checkpoints")
        return Target(None, 1, {})
    launch = _write_launch(paths, config)
    lease = Lease(paths.lease("trainer"))
    try:
        lease.take(1, rank=0)
    except (LeaseHeld, OSError) as error:
        say(f"no lease on {paths.root}: {brief(error)}")
    announced = rendezvous.announce(runs_dir, key, paths.root) if rank.world_size > 1 else None
    return Target(paths, 1, launch, lease, announced)


def _access(asked: Any) -> Access:
    told = asked if isinstance(asked, Mapping) else {}
    group = told.get("group")
    return Access(told.get("private") is not False, str(group) if group else None)


def _runs_dir(asked: str | os.PathLike[str] | None) -> Path:
    """Absolute, so that a later chdir of the script moves nothing; a separate run lies beside its parent."""
    if asked is not None:
        return Path(os.path.abspath(asked))
    launched = os.environ.get("GUARDRUN_DIR")
    if launched and "GUARDRUN_RUNS_DIR" not in os.environ:
        return Path(os.path.abspath(launched)).parent
    return Path(os.path.abspath(os.environ.get("GUARDRUN_RUNS_DIR") or "runs"))


def _wait_s() -> float:
    try:
        return float(os.environ.get("GUARDRUN_RENDEZVOUS_S", ""))
    except ValueError:
        return rendezvous.WAIT_S


def _read_launch(paths: RunPaths) -> dict[str, Any]:
    try:
        return read_object(paths.attempt(1))
    except (OSError, ValueError):
        return {}


def _write_launch(paths: RunPaths, config: dict[str, Any]) -> dict[str, Any]:
    """attempts/1.json, as far as this process can know it, and the differences to the commit."""
    secrets = _secrets_of(config, _command())
    git: dict[str, Any] = {}
    surroundings: dict[str, Any] = {}
    try:
        from guardrun.provenance.environment import environment
        from guardrun.provenance.git import git_facts
        from guardrun.provenance.keeping import keep_code

        surroundings = environment()
        found = git_facts(_script_folder(), exclude=paths.root.parent)
        git = found.as_json()
        keep_code(paths, found, secrets)
    except Exception as error:  # provenance is worth recording, not worth a training
        say(f"the environment could not be recorded: {brief(error)}")
    launch = {
        "attempt": 1, "created": time.time(), "config": config, "config_source": None,
        "config_text_sha256": None, "overrides": [], "command": _command(), "workdir": os.getcwd(),
        "python": sys.executable, "environment": surroundings, "git": git, "host": host_name(), "cli": [],
        "resume_from": None, "library": True,
    }  # fmt: skip
    try:
        write_atomic(paths.attempt(1), _as_json(secrets.hide(launch), indent=1), sync=False)
    except OSError as error:
        say(f"{paths.attempt(1)} could not be written: {brief(error)}")
    return launch


def _as_json(value: Mapping[str, Any], **style: Any) -> bytes:
    """Also where the script's configuration holds keys and objects that JSON has no place for."""
    try:
        return json.dumps(value, default=str, **style).encode() + b"\n"
    except Exception:
        return encode(dict(value))


def hidden(value: Any) -> Any:
    """A copy for the record: secrets that the launcher handed on, and what looks like one, are replaced."""
    return _secrets_of(value).hide(value)


def _secrets_of(*values: Any) -> Secrets:
    secrets = Secrets(from_environment())
    for value in values:
        secrets.look_into(value)
    return secrets


def _command() -> list[str]:
    """The process's own command line, the interpreter's options included."""
    return [sys.executable, *sys.orig_argv[1:]]


def _script_folder() -> str:
    script = sys.argv[0] if sys.argv else ""
    folder = os.path.dirname(os.path.abspath(script)) if script and os.path.exists(script) else ""
    return folder or os.getcwd()


# -- the log


def _writer(target: Target, rank: RankIdentity) -> EventWriter:
    paths, attempt, pid = target.paths, target.attempt, os.getpid()
    header = {
        "writer": f"rank{rank.rank}", "run_id": paths.root.name if paths else "", "attempt": attempt,
        "rank": rank.rank, "world_size": rank.world_size, "guardrun": __version__, "pid": pid,
        "pid_start": process_start(pid), "host": host_name(), "boot_id": boot_id(),
        **(offer_stacks(paths, rank.rank) if target.supervised else {}),
    }  # fmt: skip
    if paths is None:
        return EventWriter(None, header)
    kind = file_system_type(paths.root)
    delay = BATCH_DELAY_S if is_slow(kind) else 0.0
    writer = EventWriter(paths.events(rank.rank), header, delay_s=delay)
    if delay:
        writer.emit(
            "note", {"text": f"events may reach the disk {delay:g} s late: {paths.root} is on {kind}"}
        )
    return writer
