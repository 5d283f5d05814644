"""Texts of one source are not told apart; texts of two are."""

import numpy as np

from evalkit.rot.content import LEAST, content_signal, far_signal, likeness

RNG = np.random.default_rng(11)
WORDS = [f"w{i}" for i in range(800)]


def texts(n, start=0):
    return [" ".join(RNG.choice(WORDS[start : start + 500], size=15)) for _ in range(n)]


def test_one_source_is_green():
    alike = likeness([*texts(120), *texts(200)])
    assert alike.shape == (320, 320)
    assert np.allclose(np.diag(alike), 1.0)
    for signal in (content_signal(alike, 120, seed=1), far_signal(alike, 120, seed=1)):
        assert signal.light == "green"
        assert signal.value <= signal.null95


def test_another_source_is_red_in_both():
    alike = likeness([*texts(120), *texts(200, 300)])
    found, far = content_signal(alike, 120, seed=1), far_signal(alike, 120, seed=1)
    assert (found.light, found.p_value) == ("red", 0.002)
    assert found.value > 0.7 > found.null95
    assert far.light == "red"


def test_texts_on_both_sides_do_not_hide_the_others():
    shared = texts(60)
    alike = likeness([*shared, *texts(60), *shared, *texts(150, 300)])
    assert content_signal(alike, 120, seed=1).value > 0.6


def test_the_same_texts_are_a_guess():
    both = texts(100)
    assert 0.4 < content_signal(likeness([*both, *both]), 100, seed=1).value < 0.6


def test_too_few_texts_are_not_measured():
    alike = likeness([*texts(LEAST - 1), *texts(100)])
    assert content_signal(alike, LEAST - 1, seed=1).light == "not_measured"
    assert far_signal(alike, LEAST - 1, seed=1).light == "not_measured"


def test_empty_texts_do_no_harm():
    alike = likeness([*texts(40), *["", "!!"] * 20])
    assert np.isfinite(alike).all()
    assert content_signal(alike, 40, seed=1).light in {"red", "amber", "green"}


def test_only_the_likenesses_that_are_asked_for_are_worked_out():
    texts = ["cat dog bird", "cat dog fish", "tax visa border", "", "cat bird fish"]
    assert likeness(texts, 3).shape == (2, 5)
    assert np.allclose(likeness(texts, 3), likeness(texts)[3:])
