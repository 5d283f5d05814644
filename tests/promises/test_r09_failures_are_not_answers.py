"""A request that failed is missing evidence: it never becomes a zero, and the count of what is missing is exact."""

import pytest
from bench import right_below, scripted

from evalkit.testing import Rule, answers, empty_body, error_in_200, fails, half_json, hangs, html

N = 100


def lost(asked):
    return int(asked.prompt.split()[-1]) % 10 < 3


@pytest.mark.parametrize(
    "behaviour",
    [
        fails(400),
        fails(500),
        html(),
        half_json(),
        empty_body(),
        error_in_200(),
        answers("", message={"content": None}),
        hangs(),
    ],
    ids=["400", "500", "html", "half-json", "empty", "error-in-200", "null-content", "timeout"],
)
def test_thirty_percent_failures_leave_the_rest_exact(bench, behaviour):
    with scripted(40, 80, Rule(behaviour=behaviour, match=lost)) as server:
        suite = bench.write_suite(
            server.base_url,
            N,
            gate={
                "primary": {"metric": "exact"},
                "validity": {"max_error_rate": 0.5, "min_pair_coverage": 0.5},
            },
            run={"concurrency": 64, "timeout_s": 2},
        )
        finished = bench.run(suite)
    kept = [i for i in range(N) if i % 10 >= 3]
    primary = finished.document["primary"]
    assert primary["n"] == len(kept)
    assert primary["baseline_points"] == pytest.approx(100 * sum(i < 40 for i in kept) / len(kept))
    assert primary["candidate_points"] == pytest.approx(100 * sum(i < 80 for i in kept) / len(kept))
    assert primary["unscored"] == {"baseline": 30, "candidate": 30}
    assert finished.document["outcomes"]["candidate"]["failed"] == 30
    # With 30 of 100 answers missing on each side, the worst case undoes any gain.
    assert finished.code == 3
    assert "MISSING_COULD_DECIDE" in {r["code"] for r in finished.document["reasons"]}


def test_too_many_failures_are_invalid_evidence(bench):
    with scripted(40, 80, Rule(behaviour=fails(400), match=lost)) as server:
        finished = bench.run(bench.write_suite(server.base_url, N, run={"concurrency": 64}))
    assert finished.code == 4
    assert {"ERROR_RATE", "PAIR_COVERAGE"} <= {r["code"] for r in finished.document["reasons"]}


def test_right_below_is_what_the_bench_says():
    # The expectations above rest on this helper.
    class Ask:
        prompt = "item 7"

    assert right_below(8)(Ask) == "green"
    assert right_below(7)(Ask) == "blue"
