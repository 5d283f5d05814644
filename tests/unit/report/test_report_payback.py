"""The payback in words, from any document: whole, partial or absent."""

import pytest

from evalkit.report import payback
from evalkit.report.panels import cost as cost_panel

AMOUNT = {"point": 17_155.0, "low": 17_000.0, "high": 17_300.0}
COST = {
    "per_request": {"n": 200, "diff": -0.0047, "ci95": [-0.0048, -0.0046], "note": None},
    "saving_per_day": {"point": 47.0, "low": 46.5, "high": 47.5},
    "saving_per_year": AMOUNT,
    "payback": {"words": "after 30 days [29, 31]", "asked_days": 90.0, "note": None, "lines": [], "sensitivity": []},
    "break_even_req_per_day": {"point": 4234.2, "low": 4200.0, "high": 4300.0},
    "break_even_upkeep_req_per_day": {"point": 1398.0, "low": 1390.0, "high": 1400.0},
    "assumptions": ["Upkeep takes 20 %."],
}


def told(**changes):
    return " ".join(payback.payback_sentences({"cost": COST | changes}))


def test_the_sentences():
    found = told()
    assert "costs $0.0047 [$0.0046, $0.0048] less than one to the baseline" in found
    assert "saves $17,155 [$17,000, $17,300] a year" in found
    assert "pays for itself after 30 days [29, 31]; the suite asks for at most 90 days" in found
    assert "about 4,234 requests a day to pay it back in that time, and 1,398 to cover upkeep" in found


def test_a_dearer_candidate():
    dearer = {"n": 200, "diff": 0.002, "ci95": [0.001, 0.003], "note": None}
    found = told(
        per_request=dearer,
        saving_per_year={"point": -7300.0, "low": -10_950.0, "high": -3650.0},
        break_even_req_per_day={"point": None, "low": None, "high": None},
    )
    assert "costs $0.002 [$0.001, $0.003] more than one to the baseline" in found
    assert "saves −$7,300 [−$10,950, −$3,650] a year" in found
    assert "No number of requests would pay it back" in found


def test_what_is_not_known_is_said_and_what_is_absent_is_not():
    unknown = COST["payback"] | {"words": None, "note": "not known: the suite names no price for the candidate"}
    assert "not known: the suite names no price for the candidate." in told(payback=unknown)
    assert "saves" not in told(payback=unknown)
    assert "costs" not in told(per_request=COST["per_request"] | {"note": "unknown: no token counts"})
    assert payback.payback_sentences({}) == payback.assumptions({}) == ()
    assert payback.payback_line({}) == ""
    assert payback.payback_table({}).rows == payback.sensitivity_table({"cost": {"payback": 7}}).rows == ()


def test_the_line():
    assert payback.payback_line({"cost": COST}) == (
        "$47.00 saved a day, paid back after 30 days [29, 31]; at most 90 days asked for"
    )


@pytest.mark.parametrize(("ratio", "rows"), [({"p50": {"point": 0.2, "ci95": [0.19, 0.21]}, "p95": None}, 1), ({}, 0)])
def test_ratios_of_latency(ratio, rows):
    table = cost_panel.latency_table({"latency": {"ratio": ratio}})
    assert len(table.rows) == 3 + rows
    assert rows == 0 or table.rows[3][2] == "0.20 [0.19, 0.21]"


def test_first_tokens_have_rows_where_a_side_was_streamed():
    side = {"n": 200, "p50_s": 0.25, "p95_s": 0.5, "note": None}
    nothing = {"n": 0, "p50_s": None, "p95_s": None, "note": "not measured"}

    def rows(baseline):
        first = {"baseline": baseline, "candidate": nothing, "ratio": {"p50": None, "p95": None}}
        return {row[0]: row[1:] for row in cost_panel.latency_table({"latency": {"ttft": first}}).rows}

    assert rows(side)["95 % of the first tokens within"] == ("500 ms", "not measured")
    assert not any("first tokens" in label for label in rows(nothing))
