"""What the estimators do over many simulated suites. Seeded; a few seconds in all."""

import numpy as np
import pytest

from evalkit.stats.clusters import clustered_binary_interval
from evalkit.stats.paired import paired_t_interval, tango_interval
from evalkit.stats.resampling import bootstrap_t_interval, paired_bootstrap

RUNS = 20_000


def discordant(baseline, candidate, correlation):
    """(share improved, share worsened) of two marginal accuracies with this phi between the sides."""
    both = baseline * candidate + correlation * np.sqrt(baseline * (1 - baseline) * candidate * (1 - candidate))
    both = min(both, baseline, candidate)
    return candidate - both, baseline - both


def intervals(n, cells, rng, level):
    """Tango's bounds of RUNS simulated suites; equal counts are asked once."""
    improved_share, worsened_share = cells
    drawn = rng.multinomial(n, [improved_share, worsened_share, 1 - improved_share - worsened_share], size=RUNS)
    kinds, numbers = np.unique(drawn[:, :2], axis=0, return_inverse=True)
    bounds = [tango_interval(int(b), int(c), n, level) for b, c in kinds]
    low = np.array([found.low for found in bounds])[numbers.ravel()]
    high = np.array([found.high for found in bounds])[numbers.ravel()]
    return (drawn[:, 0] - drawn[:, 1]) / n, low, high


@pytest.mark.parametrize(
    ("n", "baseline", "candidate"),
    [(30, 0.90, 0.95), (50, 0.70, 0.75), (50, 0.95, 0.99), (50, 0.98, 0.99), (200, 0.70, 0.75), (200, 0.95, 0.99)],
)
def test_tango_covers(n, baseline, candidate):
    _, low, high = intervals(n, discordant(baseline, candidate, 0.5), np.random.default_rng(n), 0.95)
    delta = candidate - baseline
    assert np.mean((low <= delta) & (delta <= high)) >= 0.93


@pytest.mark.parametrize(("true_delta", "at_least", "at_most"), [(0.0, 0.0, 0.06), (0.08, 0.78, 0.86), (0.10, 0.92, 1)])
def test_the_gate_ships_as_often_as_promised_at_200_samples(true_delta, at_least, at_most):
    cells = discordant(0.70, 0.70 + true_delta, 0.5)
    points, low, _ = intervals(200, cells, np.random.default_rng(5), 0.90)
    ships = np.mean((np.round(points, 11) >= 0.05) & (low > 0.0))
    assert at_least <= ships <= at_most


@pytest.mark.parametrize("n", [40, 100, 500])
def test_the_gate_rarely_ships_nothing_at_any_size(n):
    points, low, _ = intervals(n, discordant(0.70, 0.70, 0.5), np.random.default_rng(n), 0.90)
    assert np.mean((np.round(points, 11) >= 0.05) & (low > 0.0)) <= 0.06


def clustered_differences(rng, groups, size, spread):
    """Paired 0/1 differences with no true gain, whose balance varies between clusters with SD `spread`."""
    lean = np.repeat(rng.normal(0.0, spread, groups), size)
    draw = rng.random(groups * size)
    half = 0.25
    improved = np.clip(half + lean / 2, 0, 0.5)
    differences = np.where(draw < improved, 1.0, np.where(draw > 1 - (0.5 - improved), -1.0, 0.0))
    return differences, np.repeat(np.arange(groups), size)


@pytest.mark.parametrize(("groups", "size"), [(20, 10), (10, 20)])
def test_clusters_do_not_fool_the_gate(groups, size):
    rng = np.random.default_rng(groups)
    robust = naive = covered = 0
    for _ in range(800):
        differences, clusters = clustered_differences(rng, groups, size, 0.4)
        found = clustered_binary_interval(differences, clusters, 0.90)
        blind = tango_interval(int((differences > 0).sum()), int((differences < 0).sum()), groups * size, 0.90)
        is_point = differences.mean() >= 0.05
        robust += is_point and found.low > 0.0
        naive += is_point and blind.low > 0.0
        covered += found.low <= 0.0 <= found.high
    assert robust / 800 <= 0.08
    assert covered / 800 >= 0.87
    assert naive / 800 > 0.10, "the simulation must have clusters worth respecting"


def test_graded_scores_are_covered_by_t_from_fifty_and_by_the_bootstrap_below():
    rng = np.random.default_rng(2)
    truth = 0.2 * 0.3 - 0.1 * 0.2
    hits = {"t": 0, "boot": 0}
    for run in range(400):
        gains = rng.random(50)
        values = np.where(gains < 0.2, rng.beta(3, 7, 50), np.where(gains > 0.9, -rng.beta(2, 8, 50), 0.0))
        t = paired_t_interval(values, 0.95)
        boot = bootstrap_t_interval(values[:25], 0.95, np.random.default_rng(run), resamples=1_000)
        hits["t"] += t.low <= truth <= t.high
        hits["boot"] += boot.low <= truth <= boot.high
    assert hits["t"] / 400 >= 0.92
    assert hits["boot"] / 400 >= 0.92


def macro_f1(totals):
    hits, predicted, actual = np.split(totals, 3, axis=-1)
    below = predicted + actual
    return np.divide(2 * hits, below, out=np.zeros_like(below), where=below > 0).mean(axis=-1)


def macro_counts(gold, accuracy, rng):
    n, k = len(gold), 4
    predicted = np.where(rng.random(n) < accuracy, gold, rng.integers(k, size=n))
    counts, i = np.zeros((n, 3 * k)), np.arange(n)
    counts[i, 2 * k + gold] = 1
    counts[i, k + predicted] = 1
    counts[i, gold] = predicted == gold
    return counts


def test_macro_f1_intervals_cover():
    rng = np.random.default_rng(6)
    shares = [0.5, 0.25, 0.15, 0.10]

    def gold(n):
        return rng.choice(4, p=shares, size=n)

    big = gold(400_000)
    truth = macro_f1(macro_counts(big, 0.7, rng).sum(axis=0)) - macro_f1(macro_counts(big, 0.6, rng).sum(axis=0))
    hits = 0
    for run in range(250):
        labels = gold(200)
        base, cand = macro_counts(labels, 0.6, rng), macro_counts(labels, 0.7, rng)
        found = paired_bootstrap(base, cand, macro_f1, np.random.default_rng(run), resamples=1_000).interval(0.95)
        hits += found.low <= truth <= found.high
    assert hits / 250 >= 0.92
