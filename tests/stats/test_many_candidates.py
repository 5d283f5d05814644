"""What trying several candidates does to false ships, and passing to the gains reported: simulated."""

import numpy as np
import pytest

from evalkit.stats.multiplicity import false_ship, family_wise, mean_when_shipped

RUNS, N, DISCORDANT = 4_000, 200, 0.21


def deltas(true, size, rng, n=N):
    """Measured differences of paired right/wrong answers, and their standard errors."""
    better = (DISCORDANT + true) / 2
    cells = rng.multinomial(n, [better, DISCORDANT - better, 1 - DISCORDANT], size=size)
    delta = (cells[..., 0] - cells[..., 1]) / n
    return delta, np.sqrt(((cells[..., 0] + cells[..., 1]) / n - delta**2) / n)


def ships(delta, error):
    return (delta >= 0.05 - 1e-9) & (delta > 1.645 * error)


@pytest.mark.parametrize(("tried", "published"), [(3, 0.14), (5, 0.22), (10, 0.40)])
def test_the_best_of_several_ships_falsely(tried, published):
    found = ships(*deltas(0.0, (RUNS, tried), np.random.default_rng(5))).any(axis=1).mean()
    told = family_wise(false_ship((DISCORDANT / N) ** 0.5, 0.05, 0.05), tried)
    assert told == pytest.approx(published, abs=0.01)
    assert found == pytest.approx(told, abs=0.03)


def test_a_twentieth_of_alpha_keeps_twenty_candidates_below_alpha():
    assert family_wise(false_ship((DISCORDANT / N) ** 0.5, 0.05, 0.05 / 20), 20) < 0.05


@pytest.mark.parametrize(("n", "published"), [(100, 10.2), (200, 7.7), (500, 6.6)])
def test_what_ships_reports_too_much(n, published):
    delta, error = deltas(0.05, RUNS * 4, np.random.default_rng(6), n)
    found = 100 * delta[ships(delta, error)].mean()
    told = 100 * mean_when_shipped(0.05, ((DISCORDANT - 0.05**2) / n) ** 0.5, 0.05, 0.05)
    assert told == pytest.approx(published, abs=0.3)
    assert found == pytest.approx(told, abs=0.3)


def test_far_tails_and_no_spread_have_an_answer():
    assert mean_when_shipped(-0.9, 0.01, 0.05, 0.05) == 0.05
    assert mean_when_shipped(0.2, 0.0, 0.05, 0.05) == 0.2
    assert false_ship(0.0, 0.05, 0.05) == 0.0
    assert family_wise(0.0, 10) == 0.0
