import json
from collections import Counter

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

from evalkit.errors import UsageError
from evalkit.jobs.running.run import load_all
from evalkit.metrics.classification import per_class
from evalkit.metrics.labels import MAX_LABELS
from evalkit.metrics.registry import build
from evalkit.protocols import CorpusMetric
from evalkit.types import MetricSpec, Sample, Unscored


def samples(*targets):
    return tuple(Sample(id=str(i), fields={}, target=target) for i, target in enumerate(targets))


def make(held, field=None, **options):
    return build(MetricSpec(name="m", type="f1", field=field, options=options, line=3), held)


def statistic(metric, answers, held):
    return float(
        metric.statistic(np.sum([metric.score(a, s).counts for a, s in zip(answers, held, strict=True)], axis=0))
    )


def test_an_example_by_hand():
    held = samples("a", "a", "b", "b")
    answers = ["a", "b", "b", "?"]
    # a: tp 1, predicted 1, is 2 -> 2/3; b: tp 1, predicted 2, is 2 -> 1/2; "?" is predicted as nothing.
    assert statistic(make(held), answers, held) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert statistic(make(held, average="micro"), answers, held) == pytest.approx(2 * 2 / (3 + 4))
    assert statistic(make(held, average="b"), answers, held) == pytest.approx(1 / 2)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize("seed", range(8))
def test_agrees_with_scikit_learn(average, seed):
    rng = np.random.default_rng(seed)
    k, n = int(rng.integers(2, 9)), int(rng.integers(1, 200))
    labels = [f"label {i}" for i in range(k)]
    gold = rng.choice(labels, size=n, p=rng.dirichlet(np.ones(k) * 0.5))
    answers = [str(a) for a in rng.choice([*labels, "out of set", ""], size=n)]
    held = samples(*map(str, gold))
    oracle = f1_score(list(gold), answers, labels=labels, average=average, zero_division=0)
    assert statistic(make(held, average=average, labels=labels), answers, held) == pytest.approx(oracle, abs=1e-12)


def test_one_label_agrees_with_scikit_learn():
    rng = np.random.default_rng(1)
    gold, answers = rng.choice(["x", "y", "z"], 60).tolist(), rng.choice(["x", "y", "z", "w"], 60).tolist()
    held = samples(*gold)
    by_label = f1_score(gold, answers, labels=["x", "y", "z"], average=None, zero_division=0)
    for label, oracle in zip("xyz", by_label, strict=True):
        assert statistic(make(held, average=label), answers, held) == pytest.approx(oracle, abs=1e-12)


def test_the_statistic_is_vectorised_and_finite_on_nothing():
    held = samples("a", "b", "c")
    totals = np.random.default_rng(0).integers(0, 5, size=(4, 6, 9)).astype(float)
    for average in ("macro", "micro", "weighted", "b"):
        metric = make(held, average=average)
        found = metric.statistic(totals)
        assert found.shape == (4, 6)
        assert found[2, 3] == pytest.approx(float(metric.statistic(totals[2, 3])))
        assert float(metric.statistic(np.zeros(9))) == 0.0


def test_the_evidence_keeps_what_was_said():
    held = samples("a", "b")
    metric = make(held, field="x")
    assert metric.score('{"x": "a"}', held[0]).evidence == {"gold": "a", "predicted": "a"}
    assert metric.score('{"x": "maybe"}', held[0]).evidence == {"gold": "a", "predicted": "maybe"}
    unread = metric.score("a", held[0])
    assert (unread.is_answered, unread.value) == (False, 0.0)
    assert unread.evidence["predicted"] is None
    assert str(unread.evidence["unreadable"]).startswith("no JSON")
    assert not make(held).score("  ", held[0]).is_answered
    assert isinstance(metric, CorpusMetric)


def test_bounds_are_the_worst_and_the_right_answer():
    held = samples("a", "a", "a", "b", "b", "c", None)
    macro = make(held, labels=["a", "b", "c", "unseen"])
    names = ("a", "b", "c", "unseen")
    for sample, wrong in ((held[0], "c"), (held[3], "c"), (held[5], "b")):
        worst, best = macro.bounds(sample)
        assert worst == macro.score(wrong, sample).counts
        assert best == macro.score(sample.target, sample).counts
    assert macro.bounds(held[6]) == ((0.0,) * 12, (0.0,) * 12)
    of_a = make(held, average="a")
    assert of_a.bounds(held[3])[0] == of_a.score("a", held[3]).counts
    assert of_a.bounds(held[0])[0] == of_a.score("", held[0]).counts
    alone = make(samples("a"))
    assert alone.bounds(held[0])[0] == alone.score("", held[0]).counts
    # Where labels are recognised about equally well, no answer scores below the worst or above the right one.
    rest = np.sum([macro.score("a" if i % 5 == 0 else s.target, s).counts for i, s in enumerate(held[:6] * 10)], axis=0)
    for sample in held[:6]:
        low, high = (float(macro.statistic(rest + np.array(counts))) for counts in macro.bounds(sample))
        for answer in (*names, "", "?"):
            assert low <= float(macro.statistic(rest + np.array(macro.score(answer, sample).counts))) <= high


def test_numbers_and_booleans_are_labels_too():
    held = samples(1, 2, 2.0)
    metric = make(held, field="n")
    assert metric.labels == ("1", "2")
    assert metric.score('{"n": 2}', held[2]).value == 1.0
    flags = samples(True, False)
    assert make(flags).score("true", flags[0]).value == 1.0


def test_labels_are_normalised_on_both_sides():
    held = samples("Spam", "ham")
    metric = make(held, normalize=["casefold", "strip"], labels=["SPAM", "Ham", "unseen"])
    assert metric.labels == ("spam", "ham", "unseen")
    assert metric.score("spaM", held[0]).value == 1.0


def test_without_a_usable_target_there_is_no_evidence():
    held = samples("a", None)
    metric = make(held)
    assert metric.score("a", held[1]) == Unscored(metric="m", why="no_target")
    assert metric.score("a", samples("unknown")[0]) == Unscored(metric="m", why="target_is_no_label")


@pytest.mark.parametrize(
    ("held", "options", "message"),
    [
        (samples("a"), {"average": "macr"}, "did you mean 'macro'"),
        (samples("a"), {"average": 5}, "neither macro, micro, weighted nor a label"),
        (samples("positive"), {"labels": ["positve"]}, "did you mean 'positve'"),
        (samples("a"), {"labels": "a"}, "list of labels"),
        (samples("a"), {"labels": []}, "list of labels"),
        (samples("a"), {"labels": [["a"]]}, "list of labels"),
        (samples("a"), {"labels": ["a", "a "]}, "stands twice"),
        (samples("a", {"b": 1}), {}, "target of sample '1' is no label"),
        (samples(["a", "b"]), {}, "target of sample '0' is no label"),
        (samples(None), {}, "no sample has a target"),
        ((), {}, "no sample has a target"),
        (samples(*map(str, range(MAX_LABELS + 1))), {}, "at most 500 labels"),
    ],
)
def test_what_f1_cannot_average_is_refused_at_its_line(held, options, message):
    with pytest.raises(UsageError, match=message) as caught:
        make(held, **options)
    assert caught.value.diagnostics[0].line == 3


def test_the_table_per_class_agrees_with_scikit_learn():
    rng = np.random.default_rng(3)
    labels = ["a", "b", "c", "never"]
    gold = rng.choice(labels[:3], 80).tolist()
    said = rng.choice(["a", "b", "c", "other"], 80).tolist()
    read = [None if s == "other" and i % 2 else s for i, s in enumerate(said)]
    table = per_class(Counter(zip(gold, read, strict=True)), labels)
    precision, recall, f1, support = precision_recall_fscore_support(gold, said, labels=labels, zero_division=0)
    for i, row in enumerate(table.rows[:3]):
        assert (row.precision, row.recall, row.f1) == pytest.approx((precision[i], recall[i], f1[i]))
        assert row.support == support[i]
    oracle = confusion_matrix(gold, said, labels=[*labels, "other"])
    assert np.array_equal(np.array(table.confusion), oracle[:4])


def test_what_was_never_there_is_not_a_zero_in_the_table():
    table = per_class({("a", None): 1}, ["a", "b"])
    assert (table.rows[0].precision, table.rows[0].recall, table.rows[0].f1) == (None, 0.0, 0.0)
    assert (table.rows[1].precision, table.rows[1].recall, table.rows[1].f1) == (None, None, 0.0)
    assert table.confusion == ((0, 0, 1), (0, 0, 0))
    assert per_class({}, ["a"]).confusion == ((0, 0),)


def test_the_table_refuses_what_does_not_fit():
    with pytest.raises(KeyError):
        per_class({("z", "a"): 1}, ["a"])


def test_answers_share_their_counts():
    held = samples(*(f"label {i % 8}" for i in range(10_000)))
    metric = make(held, field="intent")
    found = [metric.score('{"intent": "label 3", "urgency": "high"}', s) for s in held]
    assert len({id(score.counts) for score in found}) == 8


@pytest.mark.parametrize("more", [{}, {"multilabel": True}])
def test_labels_that_differ_in_case_alone_are_told_and_one_that_no_sample_has_too(more):
    def made(labels, targets=("spam", "ham"), **options):
        spec = MetricSpec(name="m", type="f1", field=None, options={"labels": labels, **more, **options}, line=3)
        return build(spec, [Sample(id=str(i), fields={}, target=t) for i, t in enumerate(targets)])

    alike, absent = made(["spam", "Spam", "ham"]).cautions
    assert alike == (
        "the labels 'spam' and 'Spam' differ in case alone and are two; normalize: [strip, casefold] makes them one"
    )
    assert absent == "no sample has the label 'Spam', which counts as 0 in the mean over labels on both sides"
    assert made(["spam", "Spam", "ham"], targets=("spam", "Spam", "ham"), average="micro").cautions == (alike,)
    assert made(["spam", "ham", "eggs"], average="micro").cautions == ()
    assert made(["spam", "ham"]).cautions == ()


def test_a_run_and_a_plan_say_what_is_odd_about_the_labels(tmp_path):
    rows = [{"id": str(i), "q": f"q{i}", "y": ("spam", "Spam", "ham")[i % 3]} for i in range(6)]
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"id": row["id"], "output": "ham"}) + "\n" for row in rows))
    side = {"backend": "outputs", "path": "a.jsonl"}
    suite = {
        "version": 1,
        "name": "odd",
        "dataset": {"path": "s.jsonl", "id": "id", "prompt": "{{ q }}", "target": "y"},
        "models": {"baseline": side, "candidate": side},
        "metrics": [{"name": "f1", "type": "f1"}],
        "gate": {"primary": {"metric": "f1", "min_delta": 5.0}},
    }
    (tmp_path / "suite.yaml").write_text(json.dumps(suite))
    (told,) = [text for text in load_all(tmp_path / "suite.yaml").main.warnings if "differ in case" in text]
    assert told.startswith("the labels 'Spam' and 'spam' differ in case alone")
