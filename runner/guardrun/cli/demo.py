"""``guard demo``: a real training of half a minute on the CPU, in the dashboard."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from guardrun.errors import UserError
from guardrun.samples import sample_folder

_NEEDS = {"torch": "PyTorch", "sklearn": "scikit-learn"}


@click.command()
@click.option("--no-watch", is_flag=True, help="Show the training's output instead of the dashboard.")
@click.option("--detach", is_flag=True, help="Return at once and print the run's directory.")
@click.option(
    "--runs-dir", type=click.Path(path_type=Path, file_okay=False), default=Path("runs"),
    envvar="GUARDRUN_RUNS_DIR", show_default=True, help="Where the run directory is made.",
)  # fmt: skip
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE …]")
def command(no_watch: bool, detach: bool, runs_dir: Path, overrides: tuple[str, ...]) -> int:
    """Train a small network for half a minute, in the dashboard.

    Handwritten digits, on the CPU; nothing is downloaded. Try params.lr=1e3 to see a signal.
    """
    from guardrun.cli.run import Options, launch_training

    missing = [title for module, title in _NEEDS.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise UserError(
            f"the demo trains a network and needs {' and '.join(missing)}",
            hint="pip install 'guardrun[demo]'",
        )
    options = Options(
        words=(str(sample_folder("digits") / "config.yaml"), *overrides), command=None,
        watch=not (no_watch or detach),
        detach=detach, foreground=False, resume=None, attach=None, takeover=False, dry_run=False,
        runs_dir=runs_dir, name=None, group=None,
    )  # fmt: skip
    return launch_training(options)
