from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.report.rating.draw import DIFFERS, REST, Seen, draw

SECRET = bytes(range(32))


def seen(n, differing):
    return [Seen(id=f"s{i}", differs=i < differing) for i in range(n)]


@given(n=st.integers(1, 60), differing=st.integers(0, 60), wanted=st.integers(1, 80), secret=st.binary(min_size=1))
def test_every_draw_is_whole(n, differing, wanted, secret):
    samples = seen(n, min(n, differing))
    found = draw(samples, wanted, secret)
    first = [s for s in found.showings if not s.is_repeat]
    again = [s for s in found.showings if s.is_repeat]
    assert len({s.sample for s in first}) == len(first) == min(n, wanted)
    assert len({s.item for s in found.showings}) == len(found.showings)
    assert sum(s.drawn for s in found.strata) == len(first)
    assert {s.name: s.size for s in found.strata} == {DIFFERS: min(n, differing), REST: n - min(n, differing)}
    assert Counter(s.stratum for s in first) == +Counter({s.name: s.drawn for s in found.strata})
    sides = {s.sample: s.left for s in first}
    assert all(s.left != sides[s.sample] for s in again)
    assert len(again) == (max(1, round(len(first) / 10)) if len(first) >= 5 else 0)
    assert draw(reversed(samples), wanted, secret) == found


def test_half_comes_from_where_the_metric_tells_the_answers_apart():
    found = draw(seen(300, 80), 120, SECRET)
    assert {s.name: s.drawn for s in found.strata} == {DIFFERS: 60, REST: 60}
    assert {s.name: s.drawn for s in draw(seen(300, 10), 120, SECRET).strata} == {DIFFERS: 10, REST: 110}
    assert {s.name: s.drawn for s in draw(seen(300, 290), 120, SECRET).strata} == {DIFFERS: 110, REST: 10}


def test_repeats_stand_far_from_their_first_showing():
    showings = draw(seen(300, 80), 120, SECRET).showings
    place = {(s.sample, s.is_repeat): number for number, s in enumerate(showings)}
    gaps = [place[sample, True] - place[sample, False] for sample, again in place if again]
    assert len(gaps) == 12
    assert min(gaps) >= 40


def test_sides_are_even_and_another_secret_deals_them_anew():
    samples = seen(1000, 500)
    one, other = (
        {s.sample: s.left for s in draw(samples, 1000, x).showings if not s.is_repeat} for x in (SECRET, b"x")
    )
    assert 440 < sum(left == "candidate" for left in one.values()) < 560
    assert 440 < sum(one[name] == other[name] for name in one) < 560
    drawn = [{s.sample for s in draw(samples, 100, x).showings} for x in (SECRET, b"x")]
    assert len(drawn[0] & drawn[1]) < 30


def test_a_place_on_the_page_says_nothing_about_the_sample():
    showings = draw(seen(40, 20), 40, SECRET).showings
    assert all(len(s.item) == 12 and s.sample not in s.item for s in showings)


def test_no_pair_is_no_page():
    with pytest.raises(ValueError, match="at least one pair"):
        draw(seen(3, 1), 0, SECRET)
