import pytest
from tables import Exact, suite, table

from evalkit.compare.contamination import contamination_effect
from evalkit.jobs.running.clean_subset import flagged, with_effect

GATE = suite().gate


def effect(baseline, candidate, states):
    return contamination_effect(Exact(), table(baseline, candidate), states, GATE, seed="fp1:0")


def test_what_training_on_the_samples_brought_is_a_difference_in_differences():
    # 100 clean samples: 50 → 52 right. 50 dirty: 30 → 45. Dirty ones are easier for both, which cancels out.
    clean = ([1.0] * 50 + [0.0] * 50, [1.0] * 52 + [0.0] * 48)
    dirty = ([1.0] * 30 + [0.0] * 20, [1.0] * 45 + [0.0] * 5)
    found = effect(clean[0] + dirty[0], clean[1] + dirty[1], {str(i): "dirty" for i in range(100, 150)})
    assert {part: (c.n, c.delta_points) for part, c in found.parts.items()} == {
        "all": (150, pytest.approx(100 * 17 / 150)), "clean": (100, 2.0), "dirty": (50, 30.0)
    }  # fmt: skip
    assert found.effect_points == 28.0
    d, c = found.parts["dirty"].ci95, found.parts["clean"].ci95
    assert found.ci95.low == pytest.approx(28.0 - ((30.0 - d.low) ** 2 + (c.high - 2.0) ** 2) ** 0.5)
    assert found.ci95.high == pytest.approx(28.0 + ((d.high - 30.0) ** 2 + (2.0 - c.low) ** 2) ** 0.5)
    assert found.is_flagged


def test_no_flag_where_the_clean_samples_reach_the_bar_themselves():
    found = effect([0.0] * 100, [1.0] * 50 + [0.0] * 50, {"0": "dirty", "1": "suspect"})
    assert not found.is_flagged
    assert found.parts["suspect"].n == 1


def test_without_a_clean_sample_there_is_no_effect():
    found = effect([0.0] * 4, [1.0] * 4, dict.fromkeys("0123", "dirty"))
    assert (found.effect_points, found.ci95, found.is_flagged) == (None, None, True)
    assert "clean" not in found.parts


def test_clean_samples_that_nobody_could_score_are_said_to_be_unmeasured():
    states = {str(i): "dirty" for i in range(40)}
    scores = table([0.0] * 40 + [None] * 5, [1.0] * 40 + [None] * 5)
    document = with_effect({}, states, Exact(), scores, GATE, "fp1:0")
    assert document["parts"]["clean"]["delta_points"] is None
    assert "on the clean ones it cannot be measured" in flagged(document, GATE)[0]
