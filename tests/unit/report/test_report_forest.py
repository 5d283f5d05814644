import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.forest import MARGIN, Bar, axis_for, axis_svg, hero_svg, row_svg

POINTS = st.floats(-100, 100, allow_nan=False)


@given(st.lists(st.tuples(POINTS, POINTS, POINTS), max_size=6))
def test_the_axis_holds_zero_and_everything_drawn(rows):
    bars = [Bar(delta=a, ci=(min(b, c), max(b, c)), threshold=5.0) for a, b, c in rows]
    axis = axis_for(bars)
    values = [0.0, *(v for bar in bars for v in (bar.delta, *bar.ci, bar.threshold))]
    unseen = 1e-9 * (axis.high - axis.low)
    assert all(axis.low - unseen <= value <= axis.high + unseen for value in values)
    assert 2 <= len(axis.ticks) <= 8
    assert any(abs(tick) < 1e-9 for tick in axis.ticks)


@given(POINTS, POINTS)
def test_larger_values_lie_further_right(a, b):
    axis = axis_for([Bar(delta=a, ci=(min(a, b), max(a, b)))])
    assert (axis.x(a) <= axis.x(b)) == (a <= b) or a == pytest.approx(b)
    assert MARGIN <= axis.x(a) <= axis.width - MARGIN


def test_a_gain_of_sixty_points_fits():
    axis = axis_for([Bar(delta=60.0, ci=(52.0, 68.0), threshold=5.0)])
    assert (axis.low, axis.high) == (0.0, 80.0)


@pytest.mark.parametrize(
    ("bar", "direction"),
    [
        (Bar(delta=5, ci=(1, 9)), "up"),
        (Bar(delta=-5, ci=(-9, -1)), "down"),
        (Bar(delta=5, ci=(-1, 11)), "flat"),
        (Bar(delta=5, ci=(-1, 11), wide=(1, 9)), "flat"),
        (Bar(delta=-5, ci=(-11, 1), wide=(-9, -1)), "flat"),
        (Bar(delta=5, ci=(1, 9), wide=(-1, 11)), "flat"),
        (Bar(delta=5, ci=None), "flat"),
    ],
)
def test_direction_needs_an_interval_that_excludes_zero(bar, direction):
    assert bar.direction == direction


def test_the_row_picture_places_its_marks_by_the_axis():
    bar = Bar(delta=10.0, ci=(5.0, 15.0), threshold=5.0)
    axis = axis_for([bar])
    svg = str(row_svg(bar, axis))
    assert f'class="asked" x1="{axis.x(5.0):.1f}"' in svg
    assert f"M{axis.x(5.0):.1f} 13.0H{axis.x(15.0):.1f}" in svg
    assert f'class="zero" x1="{axis.x(0):.1f}"' in svg


def test_what_was_not_measured_has_no_mark():
    bar = Bar(delta=None, ci=None)
    svg = str(row_svg(bar, axis_for([bar])))
    assert 'class="mark"' not in svg
    assert 'class="ci"' not in svg


def test_hero_names_the_demand_and_escapes_what_it_is_given():
    svg = str(hero_svg(Bar(delta=6.0, ci=(2.0, 10.0), threshold=5.0), asked="<b>"))
    assert "&lt;b&gt;" in svg
    assert "<b>" not in svg


def test_the_scale_labels_use_a_true_minus():
    labels = re.findall(r">([^<]+)</text>", str(axis_svg(axis_for([Bar(delta=-12.0, ci=(-20.0, 3.0))]))))
    assert "−20" in labels
    assert "0.0" not in labels
    assert "0" in labels
