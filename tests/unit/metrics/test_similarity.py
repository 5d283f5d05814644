import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.metrics.registry import build
from evalkit.metrics.sequences import lcs_length, levenshtein
from evalkit.metrics.similarity import similarity
from evalkit.testing.contracts import MetricContract
from evalkit.types import MetricSpec, Sample, Unscored

few = st.text("abc", max_size=90)


def make(field=None, **options):
    return build(MetricSpec(name="m", type="edit_similarity", field=field, options=options), ())


def sample(target):
    return Sample(id="1", fields={}, target=target)


class TestEditSimilarityKeepsTheContract(MetricContract):
    @pytest.fixture(params=["characters", "words"])
    def metric(self, request):
        return make(unit=request.param)

    @pytest.fixture
    def sample(self):
        return sample("some words")


def table(a, b):
    """Wagner and Fischer's table and that of the longest common subsequence, the plain way."""
    distance = list(range(len(b) + 1))
    common = [0] * (len(b) + 1)
    for i, x in enumerate(a, 1):
        before, before_common, distance[0] = distance[:], common[:], i
        for j, y in enumerate(b, 1):
            distance[j] = min(before[j] + 1, distance[j - 1] + 1, before[j - 1] + (x != y))
            common[j] = before_common[j - 1] + 1 if x == y else max(before_common[j], common[j - 1])
    return distance[-1], common[-1]


@given(few, few)
def test_many_cells_at_a_time_give_what_the_table_gives(a, b):
    assert (levenshtein(a, b), lcs_length(a, b)) == table(a, b)


def test_long_sequences_agree_with_the_table_too():
    rng = random.Random(3)  # noqa: S311 - no secret
    a, b = (["".join(rng.choices("ab", k=3)) for _ in range(n)] for n in (300, 211))
    assert (levenshtein(a, b), lcs_length(a, b)) == table(a, b)


@given(st.text(max_size=30), st.text(max_size=30))
def test_similarity_is_symmetric_and_one_only_for_equal_texts(a, b):
    assert 0.0 <= similarity(a, b) == similarity(b, a) <= 1.0
    assert (similarity(a, b) == 1.0) == (a == b)


def test_the_best_accepted_text_counts_in_characters_or_words():
    metric = make(normalize=["casefold", "strip"])
    assert metric.score("Kitten ", sample(["dog", "sitting"])).value == pytest.approx(4 / 7)
    assert make(unit="words").score("a b c d", sample("a x c d")).value == 0.75
    assert make(field="a").score('{"a": 12}', sample(13)).value == 0.5


def test_silence_is_not_answered_but_where_silence_is_right():
    found = make().score(" ", sample("x"))
    assert (found.value, found.is_answered) == (0.0, False)
    assert make().score("", sample("")).value == 1.0
    assert make().score("\n", sample(" \n")).value == make(unit="words").score("", sample("\t")).value == 1.0
    assert make().score("x", sample(None)) == Unscored(metric="m", why="no_target")


def test_a_book_against_a_book_is_no_zero_and_no_hang():
    assert make().score("x" * 1_000_000, sample("y" * 1_000)) == Unscored(metric="m", why="too_long")
    assert make().score("x" * 1_000_000, sample("x")).value == pytest.approx(1e-6)


@pytest.mark.parametrize(("answer", "value"), [("sitting", 1.0), ("sitting down", 0.0), ("mitten!!!", 1.0)])
def test_with_a_bound_so_many_edits_are_right(answer, value):
    spec = MetricSpec(name="e", type="edit_similarity", field=None, line=1, options={"max_edits": 3})
    score = build(spec, ()).score(answer, Sample(id="s", fields={}, target=["kitten", "mitten"]))
    assert score.value == value
    assert (score.evidence["edits"] <= 3) is bool(value)
