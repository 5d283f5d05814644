"""f1, precision and recall of several labels a sample: scikit-learn's numbers, and what is read from an answer."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from evalkit.errors import UsageError
from evalkit.metrics.registry import build
from evalkit.testing.contracts import MetricContract
from evalkit.types import MetricSpec, Sample, Scored, Unscored

LABELS = ("a", "b", "c")
REFERENCE = {"f1": f1_score, "precision": precision_score, "recall": recall_score}


def sample(target, sample_id="1"):
    return Sample(id=sample_id, fields={}, target=target)


def make(targets=(["a"], ["b", "c"]), kind="f1", field=None, **options):
    options = {"multilabel": True, **options}
    samples = [sample(target, str(i)) for i, target in enumerate(targets)]
    return build(MetricSpec(name="m", type=kind, field=field, options=options, line=5), samples)


def matrix(rows):
    return np.array([[label in row for label in LABELS] for row in rows], dtype=int)


class TestMultiLabelKeepsTheContract(MetricContract):
    @pytest.fixture(params=REFERENCE)
    def metric(self, request):
        return make(kind=request.param)

    @pytest.fixture
    def sample(self):
        return sample(["a", "b"])


some_labels = st.lists(st.sampled_from(LABELS), unique=True)


@settings(max_examples=60)
@given(
    pairs=st.lists(st.tuples(some_labels, some_labels), min_size=1, max_size=12),
    kind=st.sampled_from(sorted(REFERENCE)),
    average=st.sampled_from(["macro", "micro", "weighted", "b"]),
)
def test_the_numbers_are_those_of_scikit_learn(pairs, kind, average):
    metric = make([gold for gold, _ in pairs], kind=kind, average=average, labels=list(LABELS))
    totals = np.sum([metric.score(json.dumps(said), sample(gold)).counts for gold, said in pairs], axis=0)
    gold, said = matrix(gold for gold, _ in pairs), matrix(said for _, said in pairs)
    if average == "b":
        wanted = REFERENCE[kind](gold[:, 1], said[:, 1], zero_division=0)
    else:
        wanted = REFERENCE[kind](gold, said, average=average, zero_division=0)
    assert metric.statistic(totals) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(
    ("answer", "value", "is_answered"),
    [
        ('["c", "b"]', 1.0, True),
        ('["c", "b", "b"]', 1.0, True),
        ("b, c", 1.0, True),
        (" b ;c\n", 1.0, True),
        ('["b"]', 0.0, True),
        ('["b", "c", "a"]', 0.0, True),
        ('["b", "c", "made up"]', 0.0, True),
        ("[]", 0.0, True),
        ("", 0.0, False),
        ("  ", 0.0, False),
        ('["b", "c"', 0.0, False),
        ('{"labels": ["b", "c"]}', 0.0, False),
        ('[["b"], "c"]', 0.0, False),
    ],
)
def test_what_is_read_from_an_answer(answer, value, is_answered):
    score = make().score(answer, sample(["b", "c"]))
    assert isinstance(score, Scored)
    assert (score.value, score.is_answered) == (value, is_answered)


def test_no_label_at_all_can_be_right_and_silence_is_not():
    metric = make()
    assert metric.score("[]", sample([])).value == 1.0
    assert (metric.score("", sample([])).value, metric.score("", sample([])).is_answered) == (0.0, False)


def test_what_is_no_label_is_never_dropped():
    gold, said = sample(["a"]), '["a", "made up"]'
    micro, macro = make(average="micro"), make(average="macro")
    assert micro.score(said, gold).evidence == {"missing": [], "not_asked_for": ["made up"]}
    assert micro.statistic(np.array(micro.score(said, gold).counts)) == pytest.approx(2 / 3)
    exact = np.array(macro.score('["a"]', gold).counts)
    assert macro.statistic(np.array(macro.score(said, gold).counts)) == macro.statistic(exact)


def test_targets_in_a_table_and_in_an_object():
    assert make(targets=("a, b", "c")).score('["b", "a"]', sample("a, b")).value == 1.0
    in_object = make(targets=({"tags": ["a", "b"]}, {"tags": []}), field="tags")
    assert in_object.score('{"tags": ["b", "a"]}', sample({"tags": ["a", "b"]})).value == 1.0
    assert not in_object.score('["b", "a"]', sample({"tags": ["a", "b"]})).is_answered


def test_a_part_of_the_samples_is_averaged_over_the_labels_it_has():
    metric = make(targets=(["a"], ["b", "c"]))
    part = np.array(metric.score('["a"]', sample(["a"])).counts)
    assert metric.statistic(part) == pytest.approx(1 / 3)
    assert metric.within(part).statistic(part) == 1.0


def test_the_worst_answer_names_all_the_wrong_labels_and_the_right_one_scores_full():
    metric = make(average="micro")
    worst, best = (np.array(counts) for counts in metric.bounds(sample(["a"])))
    assert (metric.statistic(worst), metric.statistic(best)) == (0.0, 1.0)
    assert worst[len(LABELS) + 1 :][:4].tolist() == [0.0, 1.0, 1.0, 0.0]
    assert sum(sum(counts) for counts in metric.bounds(sample(None))) == 0.0


def test_without_a_usable_target_there_is_no_score():
    assert make().score("a", sample(None)) == Unscored(metric="m", why="no_target")
    assert make().score("a", sample(["other"])) == Unscored(metric="m", why="target_is_no_label")


@pytest.mark.parametrize(
    ("targets", "options", "says"),
    [
        ([{"tags": ["a"]}], {}, "the target of sample '0' is no list of labels"),
        ([[["a"]]], {}, "the target of sample '0' is no list of labels"),
        ([["a", "d"]], {"labels": ["a", "b"]}, "the label 'd' of sample '0' is not listed"),
        ([[], None], {}, "no sample has a label"),
        ([[f"label {i}" for i in range(501)]], {}, "at most 500 labels; the targets have 501"),
        ([["a"]], {"average": "z"}, "'z' is neither macro, micro, weighted nor a label"),
        ([["a"]], {"multilabel": "yes"}, "true or false is wanted"),
    ],
)
def test_what_cannot_be_averaged_is_refused_at_its_entry(targets, options, says):
    with pytest.raises(UsageError, match=says) as refused:
        make(targets, **options)
    assert refused.value.diagnostics[0].line == 5


def test_a_list_as_the_target_of_a_single_label_leads_here():
    with pytest.raises(UsageError) as refused:
        make([["a", "b"]], multilabel=False)
    assert refused.value.diagnostics[0].help == "where a sample may have several labels: multilabel: true"
