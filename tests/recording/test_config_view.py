"""The configuration as the script reads it, and whose word counts."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.recording.config_view import DEFAULTS, ConfigView, from_script, merge

plain = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=6,
)
tables = st.dictionaries(st.sampled_from("abcd"), plain, max_size=4)


def test_keys_are_attributes_and_attributes_are_keys() -> None:
    view = ConfigView({"params": {"lr": 0.1, "layers": [1, 2]}})

    assert view.params.lr == view["params"]["lr"] == 0.1
    assert {**view.params} == {"lr": 0.1, "layers": [1, 2]}
    assert view.get("absent", 3) == 3
    assert "params" in view
    assert view == {"params": {"lr": 0.1, "layers": [1, 2]}}


def test_it_is_read_only_and_says_what_there_is() -> None:
    view = ConfigView({"lr": 0.1, "width": 8})

    with pytest.raises(AttributeError, match="read-only"):
        view.lr = 0.2
    with pytest.raises(AttributeError, match="no 'depth' here; it has lr, width"):
        _ = view.depth
    assert view.to_dict() == {"lr": 0.1, "width": 8}


def test_it_can_be_copied_and_sent_to_workers() -> None:
    view = ConfigView({"params": {"lr": 0.1}})

    assert copy.deepcopy(view) == pickle.loads(pickle.dumps(view)) == view


@given(tables, tables)
def test_the_upper_table_wins_where_it_speaks(below: dict[str, object], above: dict[str, object]) -> None:
    merged = merge(below, above)

    assert merged.keys() == below.keys() | above.keys()
    for key, value in above.items():
        if not isinstance(value, dict):
            assert merged[key] == (below.get(key) if value is None and key in below else value)


@given(tables, tables)
def test_merging_changes_neither_table(below: dict[str, object], above: dict[str, object]) -> None:
    before = copy.deepcopy((below, above))
    merge(below, above)

    assert (below, above) == before


def test_keys_that_name_no_section_are_parameters() -> None:
    assert from_script({"lr": 0.1, "seed": 3, "params": {"width": 8}}) == {
        "seed": 3,
        "params": {"width": 8, "lr": 0.1},
    }


def test_checkpoints_by_epochs_are_switched_off_by_none() -> None:
    """It is the one value that is on by default: null in a config has to win."""
    merged = merge(DEFAULTS, {"checkpoint": {"every_epochs": None, "keep": None}})

    assert merged["checkpoint"]["every_epochs"] is None
    assert merged["checkpoint"]["keep"] == DEFAULTS["checkpoint"]["keep"]
