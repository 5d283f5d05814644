"""Inclusion probabilities are what they say, and new rows are the ones unlike the rest."""

import pytest

from evalkit.rot.sampling import Candidate, Draw, Quota, farthest


def log(n):
    return [
        Candidate(
            where=f"l:{i}", text=f"text {i}", fields={"text": f"text {i}"}, trouble="down" if i % 5 == 0 else None
        )
        for i in range(n)
    ]


def drawn(seed, n=100, quota=None):
    draw = Draw(quota or Quota(random=20, suspected=5, novelty=0), seed)
    for one in log(n):
        draw.add(one)
    return draw.result([])


def test_the_weights_estimate_the_log():
    totals, suspects, hits = [], [], 0
    for seed in range(400):
        found = drawn(str(seed))
        totals.append(sum(1 / one.pi for one in found))
        suspects.append(sum(1 / one.pi for one in found if one.candidate.trouble))
        hits += any(one.candidate.where == "l:5" for one in found)
    assert sum(totals) / 400 == pytest.approx(100, rel=0.03)
    assert sum(suspects) / 400 == pytest.approx(20, rel=0.06)
    assert hits / 400 == pytest.approx(1 - 0.8 * 0.75, abs=0.07)  # of a suspect: 20 of 100, and 5 of 20


def test_a_row_is_drawn_once_and_the_same_seed_draws_the_same():
    found = drawn("a")
    assert len({one.candidate.where for one in found}) == len(found)
    assert found == drawn("a")
    assert found != drawn("b")


def test_a_row_drawn_twice_leaves_its_second_place_to_a_new_row():
    quota = Quota(random=20, suspected=10, novelty=5)
    found = [drawn(str(seed), quota=quota) for seed in range(10)]
    assert {len(rows) for rows in found} == {35}
    assert any(sum(one.stratum == "novelty" for one in rows) > 5 for rows in found)
    assert all(len(drawn(str(seed), quota=Quota(random=20, suspected=10, novelty=0))) <= 30 for seed in range(10))


def test_a_short_log_is_taken_whole():
    found = drawn("a", n=7)
    assert len(found) == 7
    assert {one.pi for one in found} == {1.0}


def test_new_rows_are_far_from_the_known_and_from_each_other():
    texts = ["cat dog bird", "cat dog fish", "tax visa border", "tax visa embassy", "cat bird fish"]
    rows = [Candidate(where=str(i), text=text, fields={}) for i, text in enumerate(texts)]
    assert [one.where for one in farthest(rows, ["dog cat bird fish"], 1)] in [["2"], ["3"]]
    assert len(farthest(rows, [], 9)) == 5
    assert farthest([], ["x"], 3) == []


def test_chosen_rows_have_no_probability():
    found = drawn("a", quota=Quota(random=5, suspected=0, novelty=5))
    assert {one.stratum: one.pi is None for one in found} == {"random": False, "novelty": True}
