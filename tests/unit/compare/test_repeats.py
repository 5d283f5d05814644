"""Repeats: averaged per sample first, their spread told apart from the samples', and what would narrow the interval."""

import numpy as np
import pytest
from msgspec import structs
from tables import Exact, suite, table

from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.report.document import RunFacts, verdict_document
from evalkit.report.repeats import repeats_advice, repeats_words
from evalkit.run.scoring import Scoring
from evalkit.stats.components import components
from evalkit.types import Failure, Generation, ModelSpec, Response, Sample, Scored
from evalkit.types.table import Repeats


def drawn(n, k, *, between, within, seed=3):
    """(n, k) scores around 0.5: samples differ with SD `between`, repeats of one with SD `within`."""
    rng = np.random.default_rng(seed)
    return 0.5 + rng.normal(0, between, (n, 1)) + rng.normal(0, within, (n, k))


def with_repeats(base, cand, **more):
    """A table of (n, k) scores a side."""
    data = table(list(base.mean(axis=1)), list(cand.mean(axis=1)), **more)
    columns = {}
    for role, scores in (("baseline", base), ("candidate", cand)):
        n, k = scores.shape
        squares = ((scores - scores.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        repeats = Repeats(asked=k, scored=np.full(n, k), squares=squares)
        columns[role] = {"exact": structs.replace(data.columns[role]["exact"], repeats=repeats)}
    return structs.replace(data, columns=columns)


def judged(data):
    evidence = Evidence(suite=suite(), main=Measured(table=data, metrics={"exact": Exact()}), guards={}, seed="fp1:0")
    return evidence.suite, decide(evidence)


def document(data):
    found, verdict = judged(data)
    return verdict_document(RunFacts(suite=found, suite_file="s", run="r", created="c", verdict=verdict, table=data))


def test_the_split_is_found_on_both_sides():
    base, cand = drawn(2000, 4, between=0.10, within=0.05), drawn(2000, 4, between=0.08, within=0.02, seed=4)
    sides = judged(with_repeats(base, cand))[1].repeats.sides
    assert (sides["baseline"].between_points, sides["baseline"].within_points) == pytest.approx((10, 5), rel=0.06)
    assert (sides["candidate"].between_points, sides["candidate"].within_points) == pytest.approx((8, 2), rel=0.06)
    assert sides["baseline"].share_between == pytest.approx(0.8, abs=0.02)
    assert sides["candidate"].asked == 4


@pytest.mark.parametrize("k", [2, 5])
def test_the_narrowing_told_is_the_one_that_more_repeats_bring(k):
    few, many = (
        judged(
            with_repeats(
                drawn(4000, times, between=0.02, within=0.1), drawn(4000, times, between=0.02, within=0.1, seed=4)
            )
        )
        for times in (k, 2 * k)
    )
    width = [one[1].primary.ci95.high - one[1].primary.ci95.low for one in (few, many)]
    assert few[1].repeats.twice_the_repeats == pytest.approx(1 - width[1] / width[0], abs=0.03)
    assert few[1].repeats.twice_the_samples == pytest.approx(0.2929, abs=1e-4)


def test_twice_the_repeats_never_beat_twice_the_samples():
    pure_noise = [drawn(100, 3, between=0.0, within=0.1, seed=seed) for seed in (5, 6)]
    found = judged(with_repeats(*pure_noise))[1].repeats
    assert 0.2 < found.twice_the_repeats <= found.twice_the_samples


def test_clusters_leave_less_for_repeats_to_win():
    base, cand = drawn(200, 2, between=0.0, within=0.1), drawn(200, 2, between=0.0, within=0.1, seed=4)
    cand += np.repeat(np.random.default_rng(1).normal(0, 0.1, 20), 10)[:, None]
    loose = judged(with_repeats(base, cand))[1].repeats.twice_the_repeats
    tight = judged(with_repeats(base, cand, clusters=[i // 10 for i in range(200)]))[1].repeats.twice_the_repeats
    assert tight < loose / 2


def test_unequal_numbers_of_repeats_are_weighed():
    rng = np.random.default_rng(8)
    sizes = rng.integers(1, 5, 5000)
    rows = [0.5 + rng.normal(0, 0.1) + rng.normal(0, 0.05, size) for size in sizes]
    means = np.array([row.mean() for row in rows])
    squares = np.array([((row - row.mean()) ** 2).sum() for row in rows])
    found = components(means, sizes, squares)
    assert (found.between**0.5, found.within**0.5) == pytest.approx((0.1, 0.05), rel=0.05)


@pytest.mark.parametrize(("means", "repeats"), [([0.5], [3]), ([0.1, 0.9], [1, 1]), ([0.1, 0.9], [0, 4]), ([], [])])
def test_what_cannot_be_told_is_not(means, repeats):
    assert components(np.array(means), np.array(repeats, dtype=int), np.zeros(len(means))) is None


def test_samples_more_alike_than_chance_have_no_negative_variance():
    assert components(np.array([0.5, 0.5]), np.array([2, 2]), np.array([0.5, 0.5])).between == 0.0


def test_asked_once_is_null_with_a_reason():
    found = document(table([0.0] * 100, [0.0] * 50 + [1.0] * 50))["repeats"]
    assert "asked once" in found["note"]
    assert [found[key] for key in ("baseline", "candidate", "twice_the_repeats")] == [None] * 3
    assert repeats_words({"repeats": found}) == ""


def test_the_advice_says_what_to_buy_and_only_where_it_matters():
    noisy = with_repeats(drawn(60, 2, between=0.0, within=0.4), drawn(60, 2, between=0.0, within=0.4, seed=4) + 0.02)
    steady = with_repeats(drawn(60, 2, between=0.3, within=0.02), drawn(60, 2, between=0.3, within=0.02, seed=4) + 0.02)
    settled = with_repeats(
        drawn(200, 2, between=0.1, within=0.01), drawn(200, 2, between=0.1, within=0.01, seed=4) + 0.2
    )
    told = [list(repeats_advice(judged(data)[1])) for data in (noisy, steady, settled)]
    assert "asking more often is worth it" in told[0][0]
    assert "it takes more samples" in told[1][0]
    assert told[2] == []
    found = document(noisy)
    assert any("Twice the repeats" in line for line in found["advice"])
    assert "each sample asked 2 times" in repeats_words(found)


def test_repeats_that_never_differ_are_said_to_bring_nothing():
    base, cand = (np.repeat(drawn(60, 1, between=0.2, within=0.0, seed=s), 3, axis=1).round(2) for s in (1, 2))
    assert "asking each sample once would say the same" in " ".join(document(with_repeats(base, cand))["advice"])


class Fixed:
    name = "exact"

    def score(self, answer, sample):
        return Scored(metric="exact", value=float(answer))


def test_answers_become_means_of_samples_and_never_more_rows():
    samples = tuple(Sample(id=str(i), fields={}) for i in range(3))
    sides = {
        r: ModelSpec(role=r, backend="outputs", generation=Generation(repeats=3)) for r in ("baseline", "candidate")
    }
    asked = structs.replace(suite(), samples=samples, models=sides)

    def answer(text):
        return Response(text=text, finish="stop") if text else Failure(kind="timed_out", message="m")

    texts = {"0": ("1", "0", "0"), "1": ("1", None, "1"), "2": (None, None, None)}
    outcomes = {(role, i): [answer(t) for t in each] for role in sides for i, each in texts.items()}
    found = Scoring(asked, [Fixed()], lambda _: outcomes).finish().table("baseline")
    column = found.columns["candidate"]["exact"]
    assert column.values[:2] == pytest.approx([1 / 3, 1.0])
    assert column.is_scored.tolist() == [True, True, False]
    assert column.repeats.asked == 3
    assert column.repeats.scored.tolist() == [3, 2, 0]
    assert column.repeats.squares == pytest.approx([2 / 3, 0, 0])
    once = structs.replace(asked, models={r: ModelSpec(role=r, backend="outputs") for r in sides})
    assert (
        Scoring(once, [Fixed()], lambda _: outcomes).finish().table("baseline").columns["candidate"]["exact"].repeats
        is None
    )
