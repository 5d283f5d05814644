"""What two versions' scores say of the step between them."""

import random

import pytest

from evalkit.rot.bridge import Anchors, anchors_of, equated


@pytest.mark.parametrize("ability", [-0.15, 0.0, 0.25])
def test_the_step_is_found_through_models_that_differ_and_its_interval_covers_it(ability):
    """Samples of two kinds, the new ones harder by 20 points; the second model is better or worse all over."""
    rng = random.Random(11)  # noqa: S311 - a simulation
    n, runs, covered, found = 120, 400, 0, []
    for _ in range(runs):
        easy = {f"s{i}": rng.uniform(0.35, 0.75) for i in range(n)}
        hard = {f"new{i}": rng.uniform(0.15, 0.55) for i in range(n)}
        anchors = [f"s{i}" for i in range(60)]
        later = {name: easy[name] for name in anchors} | hard
        old = {name: float(rng.random() < p) for name, p in easy.items()}
        new = {name: float(rng.random() < p + ability) for name, p in later.items()}
        step = equated(old, new, anchors)
        truth = -20.0 * n / len(later)
        covered += abs(step.offset_points - truth) <= 1.96 * step.se_points
        found.append(step.offset_points - truth)
    assert abs(sum(found) / runs) < 1.0
    assert 0.91 <= covered / runs <= 0.985


def test_the_same_samples_make_no_step():
    old = {f"s{i}": float(i % 3 == 0) for i in range(30)}
    new = {f"s{i}": float(i % 2 == 0) for i in range(30)}
    step = equated(old, new, old)
    assert (step.offset_points, step.se_points) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": 1.0}, {"a": 1.0}),
        ({"a": 1.0, "c": 0.0, "e": 1.0}, {"a": 1.0, "b": 0.0, "d": 1.0}),
    ],
)
def test_too_few_say_nothing(old, new):
    assert equated(old, new, {"a", "b", "z"}) is None


def test_a_single_sample_beside_the_anchors_has_the_spread_of_all():
    old = {f"s{i}": float(i % 2 == 0) for i in range(10)}
    step = equated(old | {"gone": 1.0}, old, old)
    assert step.offset_points == pytest.approx(-100.0 * (6 / 11 - 0.5))
    assert step.se_points > 100.0 / 11 * 0.5


def test_not_one_answer_moved_is_the_same_model_and_a_steady_step_is_not():
    old = {f"s{i}": 0.5 for i in range(10)}
    assert anchors_of(old, old).agree
    wide = [Anchors(n=40, moved_points=0.0, se_points=se).are_too_few for se in (0.0, 2.5, 2.51)]
    assert wide == [False, False, True]
    assert not anchors_of(old, dict.fromkeys(old, 0.4)).agree
