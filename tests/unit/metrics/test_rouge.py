import random
import time

import pytest
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer

from evalkit.errors import UsageError
from evalkit.metrics.porter import stem
from evalkit.metrics.registry import build
from evalkit.testing.contracts import MetricContract
from evalkit.types import MetricSpec, Sample, Unscored

VARIANTS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
WORDS = (
    *("the", "a", "cat", "sat", "on", "mat,", "3.5", "1,000", "dog-", "Running", "generalizations", "(x)", "U.S.", "é"),
    *(
        "hi!",
        "日本",
        "\u200b",
        "skies",
        "a\nb",
        "_",
        "~",
        "relational",
        "hopping",
        "The",
        "\u0130",
        "agreed",
        "state-of",
    ),
)
SUFFIXES = (
    *("ational", "tional", "enci", "anci", "izer", "bli", "alli", "entli", "eli", "ousli", "ization", "ation", "ator"),
    *("alism", "iveness", "fulness", "ousness", "aliti", "iviti", "biliti", "fulli", "logi", "icate", "ative", "alize"),
    *("iciti", "ical", "ful", "ness", "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent"),
    *("ion", "sion", "ou", "ism", "ate", "iti", "ous", "ive", "ize", "ed", "ing", "eed", "ied", "ies", "sses", "s"),
    *("ss", "y", "e", "ll"),
)


def make(field=None, **options):
    return build(MetricSpec(name="m", type="rouge", field=field, options=options), ())


def sample(target):
    return Sample(id="1", fields={}, target=target)


def corpus(n, seed):
    rng = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(n):
        target = rng.choices(WORDS, k=rng.randrange(1, 40))
        kept = [word for word in target if rng.random() < 0.8] + rng.choices(WORDS, k=rng.randrange(4))
        said = kept if rng.random() < 0.8 else rng.choices(WORDS, k=rng.randrange(1, 40))
        yield *("".join(word + rng.choice((" ", " ", "\n", "")) for word in side) for side in (target, said)), rng


class TestRougeKeepsTheContract(MetricContract):
    @pytest.fixture(params=VARIANTS)
    def metric(self, request):
        return make(variant=request.param, stemmer=True)

    @pytest.fixture
    def sample(self):
        return sample("word and a cat")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("is_stemmed", [False, True])
def test_agrees_with_rouge_score(variant, is_stemmed):
    reference = RougeScorer([variant], use_stemmer=is_stemmed)
    f1, precision, recall = (
        make(variant=variant, stemmer=is_stemmed, measure=m) for m in ("f1", "precision", "recall")
    )
    compared = 0
    for target, said, rng in corpus(200, seed=5):
        targets = [target, "".join(rng.sample(target, len(target)))] if rng.random() < 0.3 else [target]
        if not said.strip() or isinstance(found := f1.score(said, sample(targets)), Unscored):
            continue
        wanted = reference.score_multi(targets, said)[variant]
        compared += 1
        assert found.value == pytest.approx(wanted.fmeasure, abs=1e-12)
        assert precision.score(said, sample(targets)).value == pytest.approx(wanted.precision, abs=1e-12)
        assert recall.score(said, sample(targets)).value == pytest.approx(wanted.recall, abs=1e-12)
    assert compared > 170


def test_stems_agree_with_nltk():
    reference = PorterStemmer()
    rng = random.Random(2)  # noqa: S311 - no secret
    made = {
        "".join(rng.choices("aeioubcdflstyzl9", k=rng.randrange(6))) + rng.choice(SUFFIXES) + rng.choice(SUFFIXES)
        for _ in range(8_000)
    }
    irregular = {"dying", "lying", "tying", "skies", "sky", "news", "innings", "outings", "cannings", "howe", "proceed"}
    for word in made | irregular | {"exceed", "succeed", "died", "dies", "geology", "theology", "enjoy", "y", "yyyy"}:
        assert stem(word) == reference.stem(word), word


def test_by_hand():
    # Lin 2004, section 3.1: the subsequence is "police the gunman" of four words.
    assert make().score("police kill the gunman", sample("police killed the gunman")).value == 0.75
    assert make().score("the gunman kill police", sample("police killed the gunman")).value == 0.5
    assert make(variant="rouge2").score("police kill the gunman", sample("police killed the gunman")).value == 1 / 3


def test_other_scripts_are_seen_when_asked_for_and_no_silent_zero_when_not():
    assert make().score("привет мир", sample("привет мир")) == Unscored(metric="m", why="target_has_no_words")
    assert make(words="unicode").score("Привет, мир", sample("привет мир")).value == 1.0
    assert make(words="unicode").score("שלום עולם", sample("שלום")).value == pytest.approx(2 / 3)


def test_silence_and_missing_targets():
    found = make().score(" ", sample("x"))
    assert (found.value, found.is_answered) == (0.0, False)
    assert make().score("...", sample("x")).is_answered
    assert make().score("x", sample(None)) == Unscored(metric="m", why="no_target")
    assert make().score("x", sample("")) == Unscored(metric="m", why="target_has_no_words")


def test_the_signature_says_how():
    assert make(stemmer=True).signature == "rougeL|measure:f1|words:ascii|stemmer:porter|as:rouge-score-0.1.2"


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("text", ["a " * 500_000, "a\n" * 200_000, "word" * 250_000], ids=["words", "lines", "one"])
def test_a_megabyte_takes_bounded_time(variant, text):
    started = time.thread_time()
    make(variant=variant, stemmer=True).score(text, sample("a word\n" * 300))
    make(variant=variant).score(text, sample(text))
    assert time.thread_time() - started < 20.0


def test_words_of_three_letters_are_not_stemmed():
    assert stem("gas") == "ga"
    assert make(stemmer=True).score("ga", sample("gas")).value == 0.0
    assert make(stemmer=True).score("hopping", sample("hopped")).value == 1.0


@pytest.mark.parametrize(("bound", "value"), [(0.5, 1.0), (0.51, 0.0), (0, 1.0)])
def test_with_a_bound_an_answer_is_near_enough_or_not(bound, value):
    spec = MetricSpec(name="r", type="rouge", field=None, line=1, options={"variant": "rouge1", "at_least": bound})
    score = build(spec, ()).score("a b", Sample(id="s", fields={}, target="b c"))
    assert (score.value, score.evidence) == (value, {"f1": 0.5})
    assert f"|at_least:{bound:g}|" in build(spec, ()).signature


@pytest.mark.parametrize("shared", range(1, 11))
def test_a_bound_that_is_reached_exactly_is_reached(shared):
    for n_said in range(shared, 12):
        for n_wanted in range(shared + 1, 12):
            said = " ".join(["a"] * shared + ["b"] * (n_said - shared))
            wanted = sample(" ".join(["a"] * shared + ["c"] * (n_wanted - shared)))
            exact = 2 * shared / (n_said + n_wanted)
            found = [make(at_least=bound).score(said, wanted).value for bound in (exact, exact + 1e-6)]
            assert found == [1.0, 0.0], (n_said, n_wanted)


def test_a_bound_that_nothing_reaches_is_refused():
    with pytest.raises(UsageError, match="75 is not from 0 to 1"):
        build(MetricSpec(name="r", type="rouge", field=None, line=1, options={"at_least": 75}), ())
