"""How many times the baseline's time the candidate takes, on the same samples, timed live."""

import numpy as np
import pytest
from msgspec import structs

from evalkit.costs.latency import latency_ratios, ttft_ratios
from evalkit.types.table import ScoreTable


def table(base, cand):
    n = len(base)
    return ScoreTable(
        suite="s",
        sample_ids=tuple(map(str, range(n))),
        columns={},
        tallies={},
        clusters=None,
        slices={},
        latencies={"baseline": np.array(base, dtype=float), "candidate": np.array(cand, dtype=float)},
    )


def test_the_ratio_of_medians_and_of_95th_percentiles():
    base = np.random.default_rng(0).lognormal(0, 0.4, 200)
    found = latency_ratios(table(base, 0.2 * base), "fp1:0")
    for name in ("p50", "p95"):
        assert found[name]["point"] == pytest.approx(0.2)
        assert found[name]["ci95"] == pytest.approx([0.2, 0.2])
    assert (found["n"], found["note"]) == (200, None)


def test_the_same_suite_draws_the_same_interval():
    rng = np.random.default_rng(1)
    found = table(rng.lognormal(0, 0.4, 150), rng.lognormal(0, 0.4, 150))
    assert latency_ratios(found, "fp1:0") == latency_ratios(found, "fp1:0")
    low, high = latency_ratios(found, "fp1:0")["p50"]["ci95"]
    assert low < latency_ratios(found, "fp1:0")["p50"]["point"] < high


@pytest.mark.parametrize(("timed", "told"), [(0, "no answer came from a live request"), (9, "only 9 pairs were timed")])
def test_a_few_timed_pairs_are_no_ratio(timed, told):
    cand = [1.0] * timed + [float("nan")] * 20
    found = latency_ratios(table([2.0] * len(cand), cand), "fp1:0")
    assert (found["n"], found["p50"], found["p95"]) == (timed, None, None)
    assert told in found["note"]


def test_a_rough_p95_says_so_and_a_time_of_nothing_is_left_out():
    found = latency_ratios(table([2.0] * 50 + [0.0], [1.0] * 51), "fp1:0")
    assert found["n"] == 50
    assert found["note"] == "p95 of 50 pairs is a rough figure"


def test_first_tokens_are_compared_by_themselves():
    found = structs.replace(
        table([2.0] * 20, [4.0] * 20),
        first_tokens={"baseline": np.full(20, 0.5), "candidate": np.full(20, 0.25)},
    )
    assert ttft_ratios(found, "fp1:0")["p50"]["point"] == 0.5
    assert latency_ratios(found, "fp1:0")["p50"]["point"] == 2.0
    assert "no live answer was streamed" in ttft_ratios(table([2.0], [4.0]), "fp1:0")["note"]
