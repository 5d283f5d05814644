"""What the page says of slices, secondary metrics and earlier uses of the samples."""

import re

import pytest
from documents import make_samples, make_verdict

from evalkit.report.html import render_html


@pytest.fixture
def told():
    verdict = make_verdict("ship", make_samples("ship"))
    first, second = verdict["slices"][:2]
    first |= {"contribution_points": 4.25, "adjusted_low": -3.0, "adjusted_high": 9.5}
    verdict["metrics"][1]["adjusted_p_value"] = 0.21
    verdict["slice_summary"] = {
        "judged": 3, "worst": first["name"], "driver": second["name"], "driver_detail": "lang=de brings <most> of it.",
    }  # fmt: skip
    verdict["reuse"] = {"policy": "bonferroni", "max_uses": 20, "uses": 7, "false_ship": 0.0174, "note": None}

    def page(**changes):
        html = render_html(verdict | changes, [], {}).decode()
        return re.sub(r"\s+", " ", re.sub(r"<(?!/?p\b)[^>]*>", " ", html))

    return page, first["name"]


def test_the_driver_and_the_worst_slice_are_named(told):
    page, name = told
    assert "lang=de brings &lt;most&gt; of it." in page()
    assert f"Worst of 3 judged: {name}, " in page()
    assert "; at worst −3.0, at best +9.5, with the correction for so many looks." in page()
    assert "brings +4.3 of the whole" in page() or "brings +4.2 of the whole" in page()


def test_a_secondary_metric_carries_its_adjusted_p(told):
    assert "p 0.210, adjusted for the number of metrics" in told[0]()


def test_earlier_uses_are_counted(told):
    page, _ = told
    assert "7 of 20 allowed; chance that one ships although none is better: at most 1.7 %" in page()
    assert "not counted" in page(reuse={})


def test_a_document_from_before_says_nothing_new(told):
    page, _ = told
    assert "Worst of" not in page(slice_summary={})
