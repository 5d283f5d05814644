import pytest

from evalkit.errors import UsageError
from evalkit.metrics.normalize import NORMALISERS, normalised, normalisers
from evalkit.types import MetricSpec


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("nfkc", "ﬁne ①\u00a0Ａ", "fine 1 A"),
        ("casefold", "Straße", "strasse"),
        ("strip", "\n x y \t", "x y"),
        ("whitespace", " a \n\n b\u2003c ", "a b c"),
        ("punctuation", "Well, it's «fine»。$5!", "Well its fine5"),
        ("articles", "The cat and an owl in a theatre", "  cat and   owl in   theatre"),
        ("numbers", "+1,250.50 and 3.0 and 007", "1250.5 and 3 and 007"),
        ("numbers", "1.20.3, 1,2,3 and 1,23 and 12,345,678", "1.20.3, 1,2,3 and 1,23 and 12345678"),
        ("numbers", "costs 5.00.", "costs 5."),
        # The evaluation script of SQuAD: lower, punctuation, articles, whitespace.
        ("squad", "  The U.S.A., an  ally! ", "usa ally"),
    ],
)
def test_each_normaliser_does_what_its_name_says(name, text, expected):
    assert NORMALISERS[name](text) == expected


def test_they_run_in_the_order_given():
    spec = MetricSpec(name="m", type="exact_match", options={"normalize": ["punctuation", "strip"]})
    assert normalised("x !", normalisers(spec, default=())) == "x"
    back = MetricSpec(name="m", type="exact_match", options={"normalize": ["strip", "punctuation"]})
    assert normalised("x !", normalisers(back, default=())) == "x "


def test_one_name_stands_for_a_list_of_one_and_an_empty_list_for_none():
    one = MetricSpec(name="m", type="exact_match", options={"normalize": "casefold"})
    assert normalised(" X", normalisers(one, default=("strip",))) == " x"
    none = MetricSpec(name="m", type="exact_match", options={"normalize": []})
    assert normalised(" X", normalisers(none, default=("strip",))) == " X"
    assert normalised(" X", normalisers(MetricSpec(name="m", type="exact_match"), default=("strip",))) == "X"


@pytest.mark.parametrize(
    ("value", "message"),
    [(["nfck"], "did you mean 'nfkc'"), (["q"], "there are nfkc"), (5, "list of names"), ([5], "list of names")],
)
def test_unknown_normalisers_are_refused_at_their_line(value, message):
    with pytest.raises(UsageError, match=message) as caught:
        normalisers(MetricSpec(name="m", type="exact_match", options={"normalize": value}, line=12), default=())
    assert caught.value.diagnostics[0].line == 12
