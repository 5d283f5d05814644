import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, matthews_corrcoef, precision_score, recall_score

from evalkit.errors import UsageError
from evalkit.metrics.registry import build
from evalkit.protocols import CorpusMetric
from evalkit.testing.contracts import MetricContract
from evalkit.types import MetricSpec, Sample, Unscored

KINDS = ("balanced_accuracy", "f1", "kappa", "mcc", "precision", "recall")


def samples(targets):
    return tuple(Sample(id=str(i), fields={}, target=target) for i, target in enumerate(targets))


def make(kind, held, **options):
    return build(MetricSpec(name="m", type=kind, options=options, line=3), held)


def share(metric, answers, held):
    scores = [metric.score(answer, sample) for answer, sample in zip(answers, held, strict=True)]
    return float(metric.statistic(np.sum([score.counts for score in scores], axis=0)))


def drawn(seed):
    """(labels, gold, answers): some agree, some are other labels, some are none."""
    rng = np.random.default_rng(seed)
    labels = [f"label {i}" for i in range(int(rng.integers(2, 8)))]
    gold = [str(label) for label in rng.choice(labels, size=int(rng.integers(2, 150)))]
    other = rng.choice([*labels, "out of set"], size=len(gold))
    return labels, gold, [g if rng.random() < 0.6 else str(o) for g, o in zip(gold, other, strict=True)]


@pytest.mark.parametrize("kind", KINDS)
class TestClassificationKeepsTheContract(MetricContract):
    @pytest.fixture
    def metric(self, kind):
        return make(kind, samples(["a", "b"]))

    @pytest.fixture
    def sample(self):
        return samples(["a"])[0]


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_scikit_learn(seed):
    labels, gold, answers = drawn(seed)
    held = samples(gold)
    for kind, oracle in (("precision", precision_score), ("recall", recall_score)):
        for average in ("macro", "micro", "weighted"):
            wanted = oracle(gold, answers, labels=labels, average=average, zero_division=0)
            found = share(make(kind, held, labels=labels, average=average), answers, held)
            assert found == pytest.approx(wanted, abs=1e-12)
        wanted = oracle(gold, answers, labels=labels[:1], average=None, zero_division=0)[0]
        assert share(make(kind, held, labels=labels, average=labels[0]), answers, held) == pytest.approx(wanted)
    # scikit-learn's balanced accuracy is the recall of the labels that are there, averaged.
    there = sorted(set(gold))
    wanted = recall_score(gold, answers, labels=there, average="macro", zero_division=0)
    assert share(make("balanced_accuracy", held, labels=labels), answers, held) == pytest.approx(wanted, abs=1e-12)
    if len(there) > 1:
        wanted = max(0.0, matthews_corrcoef(gold, answers))
        assert share(make("mcc", held, labels=labels), answers, held) == pytest.approx(wanted, abs=1e-12)
        wanted = max(0.0, cohen_kappa_score(gold, answers))
        assert share(make("kappa", held, labels=labels), answers, held) == pytest.approx(wanted, abs=1e-12)


def test_worse_than_chance_is_chance():
    held = samples(["a", "b", "a", "b"])
    for kind in ("kappa", "mcc"):
        assert share(make(kind, held), ["b", "a", "b", "a"], held) == 0.0
        assert share(make(kind, held), ["a", "b", "a", "b"], held) == 1.0
        assert share(make(kind, held), ["a"] * 4, held) == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_is_vectorised_and_finite_on_nothing(kind):
    metric = make(kind, samples(["a", "b", "c"]))
    assert isinstance(metric, CorpusMetric)
    hits = np.random.default_rng(0).integers(0, 5, size=(4, 6, 3)).astype(float)
    totals = np.concatenate([hits, hits + 2.0, hits + 3.0], axis=-1)
    found = metric.statistic(totals)
    assert found.shape == (4, 6)
    assert ((found >= 0.0) & (found <= 1.0)).all()
    assert found[2, 3] == pytest.approx(float(metric.statistic(totals[2, 3])))
    assert float(metric.statistic(np.zeros(9))) == 0.0
    assert metric.score("a", samples([None])[0]) == Unscored(metric="m", why="no_target")


def test_chance_needs_two_labels():
    for kind in ("kappa", "mcc"):
        with pytest.raises(UsageError, match=f"{kind} compares with chance"):
            make(kind, samples(["a", "a"]))


def test_only_what_has_averages_takes_one():
    with pytest.raises(UsageError, match="average: mcc has no such option"):
        make("mcc", samples(["a", "b"]), average="macro")
    with pytest.raises(UsageError, match="average: 'marco' is neither macro, micro, weighted nor a label") as caught:
        make("recall", samples(["a", "b"]), average="marco")
    assert caught.value.diagnostics[0].help == "did you mean 'macro'?"
    with pytest.raises(UsageError, match="recall needs one label per sample"):
        make("recall", samples([["a"], "b"]))


def test_a_label_no_sample_has_is_no_part_of_balanced_accuracy():
    held = samples(["a", "b"])
    assert share(make("balanced_accuracy", held, labels=["a", "b", "c"]), ["a", "b"], held) == 1.0
