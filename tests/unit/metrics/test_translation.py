import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from evalkit.errors import UsageError
from evalkit.metrics.registry import build
from evalkit.protocols import CorpusMetric
from evalkit.testing.contracts import MetricContract
from evalkit.types import MetricSpec, Sample, Unscored

WORDS = (
    *("the", "a", "cat", "sat", "on", "mat,", "3.5", "1,000", "dog-", "5-", "Running", "(x)", "&quot;", "&lt;", "U.S."),
    *("é", "hi!", "日本", "\u200b", "'s", "_", "~", "``x''", "state-of", "a\nb", "-\nx", "<skipped>"),
)


def make(kind, **options):
    return build(MetricSpec(name="m", type=kind, options=options), ())


def sample(target):
    return Sample(id="1", fields={}, target=target)


def corpus(n, seed, references=1):
    """n times (answer, its references)."""
    rng = random.Random(seed)  # noqa: S311 - no secret

    def text(words):
        return "".join(word + rng.choice((" ", " ", "\n", "  ")) for word in words)

    for _ in range(n):
        target = rng.choices(WORDS, k=rng.randrange(1, 30))
        sides = [[w for w in target if rng.random() < 0.8] + rng.choices(WORDS, k=1 + rng.randrange(3)) for _ in "12"]
        yield text(sides[0]), [text(target), text(sides[1])][:references]


@pytest.mark.parametrize("kind", ["bleu", "chrf"])
class TestCorpusTextMetricsKeepTheContract(MetricContract):
    @pytest.fixture
    def metric(self, kind):
        return make(kind)

    @pytest.fixture
    def sample(self):
        return sample("some words, and more")

    def test_is_of_the_whole_set(self, metric):
        assert isinstance(metric, CorpusMetric)


def agree(metric, reference, sentence, references):
    rows = list(corpus(120, seed=3, references=references))
    found = [metric.score(said, sample(targets)) for said, targets in rows]
    totals = np.sum([score.counts for score in found], axis=0)
    columns = [targets for _, targets in rows]
    wanted = reference.corpus_score([said for said, _ in rows], [list(side) for side in zip(*columns, strict=True)])
    assert 100.0 * float(metric.statistic(totals)) == pytest.approx(wanted.score, abs=1e-9)
    for score, (said, targets) in zip(found, rows, strict=True):
        assert 100.0 * score.value == pytest.approx(sentence.sentence_score(said, targets).score, abs=1e-9)
    return reference.get_signature().format()


@pytest.mark.parametrize("references", [1, 2])
@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("tokenize", ["13a", "char", "none"])
def test_bleu_agrees_with_sacrebleu(tokenize, lowercase, references):
    metric = make("bleu", tokenize=tokenize, lowercase=lowercase)
    options = {"tokenize": tokenize, "lowercase": lowercase}
    signature = agree(metric, BLEU(**options), BLEU(**options, effective_order=True), references)
    assert metric.signature.removeprefix("nrefs:var|").removesuffix("|as:sacrebleu-2.6") in signature
    assert metric.signature.endswith("|as:sacrebleu-2.6")


@pytest.mark.parametrize("references", [1, 2])
@pytest.mark.parametrize(("word_order", "lowercase"), [(0, False), (2, True)])
def test_chrf_agrees_with_sacrebleu(word_order, lowercase, references):
    metric = make("chrf", word_order=word_order, lowercase=lowercase)
    reference = CHRF(word_order=word_order, lowercase=lowercase)
    signature = agree(metric, reference, reference, references)
    assert metric.signature.removeprefix("nrefs:var|").removesuffix("|as:sacrebleu-2.6") in signature
    assert metric.signature.endswith("|as:sacrebleu-2.6")


@pytest.mark.parametrize("kind", ["bleu", "chrf"])
def test_statistics_are_taken_for_many_resamples_at_once(kind):
    metric = make(kind)
    counts = np.array([metric.score(said, sample(t)).counts for said, t in corpus(40, seed=8)])
    weights = np.random.default_rng(1).multinomial(40, [1 / 40] * 40, size=(3, 5))
    totals = weights @ counts
    many = metric.statistic(totals)
    assert many.shape == (3, 5)
    for place in np.ndindex(3, 5):
        assert many[place] == pytest.approx(float(metric.statistic(totals[place])), abs=1e-12)
    assert float(metric.statistic(np.zeros(counts.shape[1]))) == 0.0


words = st.lists(st.sampled_from(["the", "cat", "sat", "down"]), min_size=4, max_size=9)


@pytest.mark.parametrize("kind", ["bleu", "chrf"])
@settings(max_examples=60)
@given(rows=st.lists(st.tuples(words, words), min_size=1, max_size=4), target=words, answer=words)
def test_no_answer_as_long_as_the_reference_is_below_the_bounds(kind, rows, target, answer):
    metric = make(kind)
    held = sample(" ".join(target))
    # One sample that is right gives the smoothing something to stand on, as any real set does.
    rest = metric.bounds(sample("a long sentence that every side gets right"))[1]
    rest = rest + np.sum([metric.score(" ".join(said), sample(" ".join(wanted))).counts for said, wanted in rows], 0)
    low, high = (rest + np.array(counts) for counts in metric.bounds(held))
    found = rest + np.array(metric.score(" ".join(answer[: len(target)]), held).counts)
    worst, got, best = (float(metric.statistic(totals)) for totals in (low, found, high))
    if kind == "bleu":
        assert worst <= got + 1e-12
    assert worst <= best + 1e-12


@pytest.mark.parametrize("kind", ["bleu", "chrf"])
def test_no_target_is_no_evidence_and_silence_is_not_answered(kind):
    metric = make(kind)
    assert metric.score("x", sample(None)) == Unscored(metric="m", why="no_target")
    assert metric.score("x", sample(" ")) == Unscored(metric="m", why="empty_target")
    assert not any(metric.bounds(sample(None))[0] + metric.bounds(sample(""))[1])
    found = metric.score("", sample("a b c d e"))
    assert (found.value, found.is_answered) == (0.0, False)
    assert len(found.counts) == len(metric.bounds(sample("a b c d e"))[0])
    assert metric.score("a b c d e", sample("a b c d e")).value == 1.0


@pytest.mark.parametrize("kind", ["bleu", "chrf"])
def test_a_megabyte_is_no_zero(kind):
    metric = make(kind)
    assert metric.score("a " * 500_000, sample("a")) == Unscored(metric="m", why="too_long")
    started = time.thread_time()
    assert metric.score("a." * 100_000, sample("a. b")).value < 0.1
    assert time.thread_time() - started < 15.0


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("bleu", {"tokenize": "intl"}, "tokenize: 'intl' is not one of 13a, char, none"),
        ("chrf", {"word_order": 5}, "word_order: 5 is not from 0 to 4"),
        ("chrf", {"lowercase": 1}, "lowercase: true or false is wanted"),
    ],
)
def test_options_that_make_no_sense_are_refused(kind, options, message):
    with pytest.raises(UsageError, match=message):
        make(kind, **options)
