import xml.etree.ElementTree as ET

import pytest

from evalkit.report.junit import render_junit


def cases(verdict):
    root = ET.fromstring(render_junit(verdict))  # noqa: S314 - our own output
    return root, {(c.get("classname"), c.get("name")): c for c in root.iter("testcase")}


def outcome(case):
    return next((kind for kind in ("failure", "error", "skipped") if case.find(kind) is not None), "passed")


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("ship", "passed"),
        ("dont_ship", "failure"),
        ("inconclusive", "skipped"),
        ("invalid", "error"),
        ("error", "error"),
    ],
)
def test_the_verdicts_case_ends_as_the_gate_does(documents, status, wanted):
    _, found = cases(documents.make_verdict(status))
    assert outcome(found["evalkit.gate", "verdict"]) == wanted


def test_inconclusive_fails_where_the_caller_asked_for_it(documents):
    verdict = documents.make_verdict("inconclusive") | {"exit_code": 1}
    assert outcome(cases(verdict)[1]["evalkit.gate", "verdict"]) == "failure"


def test_there_is_a_case_for_every_row_guard_and_metric_but_none_for_a_sample(documents):
    verdict = documents.make_verdict("dont_ship")
    root, found = cases(verdict)
    rooms = [room for room, _ in found]
    assert rooms.count("evalkit.gate") == 1 + len(verdict["asked"])
    assert rooms.count("evalkit.guard") == len(verdict["guards"])
    assert rooms.count("evalkit.metric") == len(verdict["metrics"])
    suite = root.find("testsuite")
    assert int(suite.get("tests")) == len(found)
    assert int(suite.get("failures")) == sum(outcome(c) == "failure" for c in found.values())
    assert int(suite.get("skipped")) == sum(outcome(c) == "skipped" for c in found.values())


def test_a_guard_stands_once_however_often_the_document_names_it(documents):
    verdict = documents.make_verdict("dont_ship")
    asked = [
        {"label": g["name"], "asked": g["asked"], "line": g["line"], "state": g["state"]} for g in verdict["guards"]
    ]
    verdict["asked"] = [verdict["asked"][0], *asked, {"label": "schema", "asked": "something else", "line": 44}]
    _, found = cases(verdict)
    gate = [name for room, name in found if room == "evalkit.gate"]
    assert gate == ["verdict", "gain, exact ≥ +5.0, interval above 0", "schema something else"]
    assert len([name for room, name in found if room == "evalkit.guard"]) == len(verdict["guards"])


def test_a_shipping_run_holds_no_failure(documents):
    verdict = documents.make_verdict("ship")
    verdict["asked"][2]["state"] = "regressed"
    verdict["guards"][1] |= {"state": "regressed", "blocking": False}
    _, found = cases(verdict)
    assert {outcome(case) for case in found.values()} == {"passed", "skipped"}


def test_a_blocking_guard_fails_and_an_unresolved_one_is_skipped_with_the_reason(documents):
    verdict = documents.make_verdict("dont_ship")
    verdict["guards"][2] |= {"state": "regressed", "blocking": True}
    _, found = cases(verdict)
    assert outcome(found["evalkit.guard", "latency p95 at most 1.10 times the baseline"]) == "failure"
    skipped = found["evalkit.guard", "schema loses at most 1.0 points"].find("skipped")
    assert "about 420 pairs would settle it" in skipped.get("message")


def test_rows_point_into_the_suite(documents):
    _, found = cases(documents.make_verdict("dont_ship"))
    case = found["evalkit.gate", "gain, exact ≥ +5.0, interval above 0"]
    assert (case.get("file"), case.get("line")) == ("suites/review-triage/suite.yaml", "41")


def test_what_was_not_measured_is_skipped_with_its_reason(documents):
    _, found = cases(documents.make_verdict("error"))
    assert "before both sides had answered" in found["evalkit.metric", "exact"].find("skipped").get("message")


def test_characters_that_xml_forbids_are_gone(documents):
    verdict = documents.make_verdict("dont_ship")
    verdict["suite"] = "a\x00b\x1bc\ud800d\ufffee]]>&<"
    verdict["headline"] = verdict["asked"][0]["got"] = "\x0b\x0c\x85\u202e"
    root, _ = cases(verdict)
    assert root.find("testsuite").get("name") == "a␀b␛c‹U+D800›d‹U+FFFE›e]]>&<"


def test_an_empty_document_is_an_error_not_a_pass():
    assert outcome(cases({})[1]["evalkit.gate", "verdict"]) == "error"
