"""The panels of the page and the blocks of verdict.json: each by itself, and that no two take each other's names."""

import re

import numpy as np
import pytest
from scored import graded_table

from evalkit.metrics.classification import per_class
from evalkit.report.document.distributions import BINS, distributions_block
from evalkit.report.html import render_html
from evalkit.report.panels import BACKGROUND, FINDINGS, classes, outcomes, scores
from evalkit.report.panels.differences import differences_table


def text_of(html):
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def page(verdict):
    return render_html(verdict, [], {}).decode()


def test_every_panel_has_one_heading_named_like_it_and_says_something_of_nothing():
    panels = (*FINDINGS, *BACKGROUND)
    assert len({panel.name for panel in panels}) == len(panels)
    html = page({})
    for panel in panels:
        assert html.count(f'id="{panel.name}"') <= 1
        is_linked = f'href="#{panel.name}"' in html
        assert is_linked == (panel.link != "" and f'<h2 id="{panel.name}"' in html)
    assert html.count("<li><a") >= 8


def test_the_square_holds_the_four_outcomes_and_the_bar_their_shares(documents):
    verdict = documents.make_verdict("ship") | {
        "flips": {"fixed": 30, "broken": 10, "both_right": 40, "both_wrong": 15, "unscored": 5}
    }
    found = {row.code: (row.count, row.share, row.href) for row in outcomes.moved(verdict)}
    assert found["fixed"] == ("30", "30.0 %", "#f=fixed")
    assert sum(float(share.split()[0]) for _, share, _ in found.values()) == pytest.approx(100)
    html = str(outcomes.panel(verdict, {})["bar"])
    widths = [float(width) for width in re.findall(r'width="([\d.]+)"', html)]
    assert widths == pytest.approx([256, 192, 64, 96, 32], abs=0.1)
    assert "baseline right 40 ▼ ︎ 10".replace(" ", "") in text_of(page(verdict)).replace(" ", "").replace("&#xFE0E;", "︎")
    graded = verdict | {"primary": verdict["primary"] | {"discordance": None}}
    assert "candidate right" not in page(graded)
    assert "What moved" in page(graded)


def test_nothing_compared_is_said(documents):
    verdict = documents.make_verdict("error") | {"flips": dict.fromkeys(("fixed", "broken", "both_right"), 0)}
    assert outcomes.moved(verdict) == ()
    assert "No sample was scored on both sides." in page(verdict)


def test_prices_and_settings_that_differ_are_told_one_by_one_in_words():
    price = {"input": 0.15, "output": 0.6, "cached": None, "as_of": "2026-10-01"}
    rows = [
        {"what": "price", "baseline": price, "candidate": price | {"output": 1.0}},
        {
            "what": "generation",
            "baseline": {"temperature": 0, "max_tokens": 64},
            "candidate": {"temperature": 0.7, "max_tokens": 64},
        },
        {"what": "price", "baseline": None, "candidate": {"input": 2.0, "output": None}},
        {"what": "system prompt", "baseline": "a", "candidate": None},
    ]
    assert differences_table({"differences": rows}).rows == (
        ("USD for a million output tokens", "0.6", "1"),
        ("generation: temperature", "0", "0.7"),
        ("USD for a million input tokens", "–", "2"),
        ("system prompt", "a", "–"),
    )


def test_graded_scores_are_spread_over_bins_and_right_or_wrong_ones_are_not():
    base, cand = [0.0, 0.5, 1.0, 1.0, np.nan], [0.25, 0.5, 1.0, np.nan, 0.1]
    found = distributions_block(graded_table(rouge=(base, cand), exact=([0, 1, 0, 1, 1], [1, 1, 1, 1, 0])))
    (spread,) = found["distributions"]
    assert (spread["metric"], spread["n"]) == ("rouge", 3)  # an unscored side leaves the pair out, it is no zero
    assert sum(spread["baseline"]["histogram"]) == sum(spread["candidate"]["histogram"]) == 3
    assert spread["baseline"]["histogram"][-1] == 1
    assert len(spread["candidate"]["histogram"]) == BINS
    assert spread["candidate"]["quartiles_points"] == [37.5, 50.0, 75.0]


def test_a_strip_says_in_words_what_it_draws():
    spread = {"metric": "rouge", "n": 4}
    side = {"histogram": [1, *[0] * 18, 3], "quartiles_points": [75.0, 100.0, 100.0]}
    found = scores.panel({"distributions": [spread | {"baseline": side, "candidate": side}]}, {})["spreads"][0]
    assert [strip.side for strip in found.strips] == ["baseline", "candidate"]
    assert found.strips[0].told == "25.0 % of the samples below 5 points, 75.0 % from 95 up"
    html = page({"distributions": [spread | {"baseline": side, "candidate": side}]})
    assert html.count('class="strip"') == 2
    assert '<h2 id="scores"' not in page({})


def test_answers_that_are_no_label_and_answers_that_cannot_be_read_have_a_column_each(documents):
    block = {"metric": "m", "labels": ["a", "b"], "rows": [], "confusion": {"baseline": [[1, 2, 5], [0, 3, 1]]}}
    split = classes.class_blocks({"per_class": [block | {"unreadable": {"baseline": [4, 0]}}]})[0]
    assert split.heads == ("a", "b", "(not a label)", "(unreadable)")
    assert [[count for count, _ in cells] for _, cells in split.matrices[0][1]] == [
        ["1", "2", "1", "4"],
        ["0", "3", "1", "0"],
    ]
    whole = classes.class_blocks({"per_class": [block]})[0]
    assert whole.heads == ("a", "b", "(unreadable or not a label)")
    assert [count for count, _ in whole.matrices[0][1][0][1]] == ["1", "2", "5"]
    told = per_class({("a", "a"): 1, ("a", "zebra"): 2, ("a", None): 4, ("b", "b"): 3}, ["a", "b"])
    assert (told.confusion[0], told.unreadable) == ((1, 0, 6), (4, 0))
