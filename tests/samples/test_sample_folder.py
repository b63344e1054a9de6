"""The demo's training is found wherever guard is installed."""

from __future__ import annotations

import pytest

from guardrun.errors import UserError
from guardrun.samples import sample_folder


@pytest.mark.parametrize("name", ["digits", "bytes", "own_checkpoints", "small", "faults", "planted"])
def test_a_sample_of_the_repository_is_found(name: str):
    folder = sample_folder(name)
    assert (folder / "config.yaml").is_file()
    assert (folder / "train.py").is_file()


@pytest.mark.parametrize("name", ["no-such-sample", "", "../tests"])
def test_a_sample_that_does_not_exist_is_a_users_error(name: str):
    with pytest.raises(UserError, match="no sample training"):
        sample_folder(name)
