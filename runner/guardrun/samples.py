"""Where the sample trainings are: inside an installed wheel, or in the repository it is developed in."""

from __future__ import annotations

from pathlib import Path

from guardrun.errors import UserError

_PACKAGE = Path(__file__).resolve().parent


def sample_folder(name: str) -> Path:
    """The folder of a sample (``digits``) that holds its ``config.yaml`` and ``train.py``.

    Raises:
        UserError: this installation has no such sample.
    """
    places = [_PACKAGE / "samples" / name, _PACKAGE.parents[1] / "sample_runs" / name]
    for place in places:
        if name and (place / "config.yaml").is_file():
            return place
    raise UserError(
        f"no sample training {name!r} in this installation",
        hint=f"looked in {places[0].parent} and {places[1].parent}",
    )
