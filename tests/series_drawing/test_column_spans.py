"""The spans of a column are those of the polyline, whatever the points do."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrun.series.downsample import column_means, column_spans, monotone_pieces

VALUE = st.one_of(
    st.floats(-10, 10).map(lambda v: round(v, 2)), st.sampled_from([math.nan, math.inf, -math.inf])
)
STEP = st.sampled_from([-7.0, -1.0, 0.0, 0.25, 0.5, 1.0, 1.0, 1.5, 3.0, 6.5])
POINTS = st.lists(st.tuples(STEP, VALUE), max_size=40)


def by_hand(x: list[float], y: list[float], edges: list[float]) -> list[list[tuple[float, float]]]:
    """For every column the height ranges of each point and each segment, one at a time."""
    columns: list[list[tuple[float, float]]] = [[] for _ in edges[1:]]
    last = len(columns) - 1
    for i, (px, py) in enumerate(zip(x, y, strict=True)):
        if not math.isfinite(py):
            continue
        for c in range(len(columns)):
            if edges[c] <= px < edges[c + 1] or (c == last and px == edges[-1]):
                columns[c].append((py, py))
        if i + 1 == len(x) or not math.isfinite(y[i + 1]) or x[i + 1] < px:
            continue
        qx, qy = x[i + 1], y[i + 1]
        for c in range(len(columns)):
            a, b = max(px, edges[c]), min(qx, edges[c + 1])
            if a > b or (
                a == b
                and not (px == qx and (edges[c] <= px < edges[c + 1] or (c == last and px == edges[-1])))
            ):
                continue
            heights = [py, qy] if px == qx else [py + (qy - py) * (at - px) / (qx - px) for at in (a, b)]
            columns[c].append((min(heights), max(heights)))
    return columns


def covered(ranges: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Ranges joined where they touch."""
    joined: list[tuple[float, float]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1e-9:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return joined


@given(POINTS, st.integers(1, 9), st.floats(0, 5), st.floats(1, 30))
def test_spans_equal_every_segment_drawn_one_at_a_time(
    points: list[tuple[float, float]], columns: int, start: float, width: float
) -> None:
    x = np.cumsum([step for step, _ in points]) if points else np.empty(0)
    y = np.array([value for _, value in points], float)
    edges = np.linspace(start, start + width, columns + 1)

    spans = column_spans(x, y, edges)

    expected = by_hand(x.tolist(), y.tolist(), edges.tolist())
    for c in range(columns):
        mine = covered(list(zip(spans.low[spans.column == c], spans.high[spans.column == c], strict=True)))
        assert np.allclose(np.ravel(mine), np.ravel(covered(expected[c])), atol=1e-6), c


@given(POINTS)
def test_both_extremes_of_every_column_are_kept(points: list[tuple[float, float]]) -> None:
    x = np.arange(len(points), dtype=float)
    y = np.array([value for _, value in points], float)
    edges = np.linspace(0, max(len(points), 1), 6)

    spans = column_spans(x, y, edges)

    for c in range(5):
        inside = y[(x >= edges[c]) & (x < edges[c + 1]) & np.isfinite(y)]
        if inside.size:
            assert spans.low[spans.column == c].min() <= inside.min()
            assert spans.high[spans.column == c].max() >= inside.max()


def test_a_single_finite_point_between_nans_stays_visible() -> None:
    x = np.arange(5.0)
    y = np.array([np.nan, np.nan, 3.0, np.nan, np.nan])

    spans = column_spans(x, y, np.linspace(0, 5, 6))

    assert (spans.column.tolist(), spans.low.tolist(), spans.high.tolist()) == ([2], [3.0], [3.0])


def test_a_gap_inside_one_column_is_not_filled() -> None:
    x = np.array([0.1, 0.2, 0.3])
    y = np.array([0.0, np.nan, 10.0])

    spans = column_spans(x, y, np.array([0.0, 1.0]))

    assert sorted(zip(spans.low, spans.high, strict=True)) == [(0.0, 0.0), (10.0, 10.0)]


def test_a_resume_at_an_earlier_step_is_not_joined_backwards() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0, 1.0, 2.0])
    y = np.array([0.0, 0.0, 0.0, 0.0, 9.0, 9.0])

    spans = column_spans(x, y, np.linspace(0, 4, 5))

    assert set(zip(spans.low.tolist(), spans.high.tolist(), strict=True)) == {(0.0, 0.0), (9.0, 9.0)}
    assert monotone_pieces(x) == [slice(0, 4), slice(4, 6)]


def test_an_x_in_random_order_is_sorted_instead_of_split_without_end() -> None:
    rng = np.random.default_rng(0)
    x = rng.permutation(5000).astype(float)

    spans = column_spans(x, x.copy(), np.linspace(0, 5000, 11))

    assert len(spans.column) == 10
    assert spans.low.min() == 0.0
    assert spans.high.max() == 4999.0


def test_the_largest_finite_numbers_do_not_overflow() -> None:
    top = np.finfo(float).max
    x, y = np.arange(4.0), np.array([top, -top, top, -top])

    with np.errstate(over="raise", invalid="raise"):
        spans = column_spans(x, y, np.linspace(0, 3, 12))
        means = column_means(x, y, np.linspace(0, 3, 2))

    assert np.isfinite(spans.low).all()
    assert np.isfinite(spans.high).all()
    assert np.isfinite(means.mean).all()


@given(POINTS, st.integers(1, 9))
def test_means_equal_a_loop_over_the_columns(points: list[tuple[float, float]], columns: int) -> None:
    x = np.cumsum([step for step, _ in points]) if points else np.empty(0)
    y = np.array([value for _, value in points], float)
    edges = np.linspace(0.0, 20.0, columns + 1)

    found = column_means(x, y, edges)

    for c in range(columns):
        upper = x <= edges[c + 1] if c == columns - 1 else x < edges[c + 1]
        inside = y[(x >= edges[c]) & upper & np.isfinite(y)]
        assert found.count[c] == inside.size
        if inside.size:
            assert found.mean[c] == pytest.approx(inside.mean())
        else:
            assert np.isnan(found.mean[c])
    if np.isfinite(y).all() and (np.diff(x) >= 0).all():
        plain = column_means(x, y, edges, plain=True)
        assert (plain.count == found.count).all()
        assert plain.mean == pytest.approx(found.mean, nan_ok=True)


@given(POINTS, st.integers(1, 9), st.sets(st.integers(0, 30), max_size=3))
def test_a_break_parts_a_polyline_as_if_each_part_were_drawn_alone(
    points: list[tuple[float, float]], columns: int, breaks: set[int]
) -> None:
    x = np.cumsum([step for step, _ in points]) if points else np.empty(0)
    y = np.array([value for _, value in points], float)
    edges = np.linspace(0.0, 20.0, columns + 1)

    found = column_spans(x, y, edges, breaks=sorted(breaks))

    bounds = [0, *sorted(each for each in breaks if 0 < each < x.size), x.size]
    alone = [column_spans(x[a:b], y[a:b], edges) for a, b in itertools.pairwise(bounds)]
    assert found.column.tolist() == [c for part in alone for c in part.column.tolist()]
    assert found.low.tolist() == [low for part in alone for low in part.low.tolist()]
    assert found.high.tolist() == [high for part in alone for high in part.high.tolist()]


def test_what_is_known_to_be_plain_is_drawn_the_same_without_looking() -> None:
    x = np.cumsum(np.random.default_rng(1).integers(0, 3, 500)).astype(float)
    y = np.random.default_rng(2).normal(0, 1, 500)
    edges = np.linspace(-5.0, 300.0, 90)

    looked, trusted = column_spans(x, y, edges), column_spans(x, y, edges, plain=True)

    assert looked.column.tolist() == trusted.column.tolist()
    assert looked.low.tolist() == trusted.low.tolist()
    assert looked.high.tolist() == trusted.high.tolist()
