"""The page of a history: what it says, that it is well formed, and that nothing in it can run or load."""

import base64
import hashlib
import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from history_folder import NEW, SUITE, Reports

from evalkit.jobs.history import history, write_page
from evalkit.report.history_chart import PHONE, differences_svg, scores_svg
from evalkit.report.history_html import render_history


@pytest.fixture
def reports(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Reports(tmp_path)


def document_of(reports):
    return history(SUITE, reports.folder.parent)


def two_versions(reports):
    reports.add(1)
    reports.add(2, adapter="2" * 64, verdict="inconclusive")
    reports.add(3, data=NEW, adapter="2" * 64, levels=(60.0, 72.0))
    reports.add(4, data=NEW, levels=None, verdict="error")
    return document_of(reports)


def test_it_says_every_run_the_line_and_the_bridge(reports):
    page = render_history(two_versions(reports), {"run-01": "triage/run-01/report.html"}).decode()
    for told in (
        "The data changed here",
        "Bridge: the same model (candidate)",
        "INCONCLUSIVE",
        "+12.0",
        "4 runs on exact",
    ):
        assert told in page
    assert page.count('<tr class="break">') == 1
    assert re.findall(r'href="([^#][^"]*)"', page) == ["triage/run-01/report.html"]
    assert page.index("run-02") < page.index("data changed here") < page.index("run-03")


def test_equal_documents_give_equal_bytes(reports):
    document = two_versions(reports)
    assert render_history(document, {}) == render_history(document, {})


def test_the_policy_allows_its_style_sheet_and_nothing_else(reports):
    page = render_history(two_versions(reports), {}).decode()
    style = re.search(r"(?s)<style>(.*?)</style>", page)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode().replace("+", "&#43;")
    assert f"default-src &#39;none&#39;; style-src &#39;sha256-{digest}&#39;; base-uri" in page.replace("+", "&#43;")
    rest = page.replace(style, "")
    assert not re.search(r"<script|<[^>]+\s(?:style|on[a-z]+)\s*=|https?://", rest)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?=[;, )])|url\(|@import", style.split("history.html")[1])


def test_pictures_are_whole_and_hold_every_measured_run(reports):
    document = two_versions(reports)
    scores, differences = (ET.fromstring(str(svg)) for svg in (scores_svg(document), differences_svg(document)))  # noqa: S314 - ours
    assert count(scores, "dot") == 6
    assert count(scores, "whisker") == 6
    assert (count(scores, "ring"), count(scores, "span")) == (4, 2)
    assert (count(differences, "dot"), count(differences, "ring")) == (3, 0)
    # The line through a side is broken where the data changed.
    assert [len(p.get("points").split()) for p in scores if p.get("class") == "path candidate"] == [2, 1]
    box = [float(end) for end in scores.get("viewBox").split()]
    for mark in scores.iter():
        for key, most in (("cx", box[2]), ("cy", box[3]), ("x1", box[2]), ("y1", box[3])):
            assert 0 <= float(mark.get(key, 0)) <= most


def count(svg, css):
    return sum(css in (mark.get("class") or "").split() for mark in svg)


def test_nothing_measured_is_said_and_not_drawn(reports):
    reports.add(1, levels=None, verdict="error")
    document = document_of(reports)
    assert scores_svg(document) is differences_svg(document) is None
    page = render_history(document, {}).decode()
    assert "No run has scores." in page
    assert not re.search(r'<td class="num"[^>]*>0\.0</td>', page)


@pytest.mark.parametrize("n", [1, 2, 200])
def test_any_number_of_runs_is_drawn(reports, n):
    document = two_versions(reports)
    run = document["runs"][0]
    runs = [run | {"run": f"r{number}", "delta_points": 0.0, "ci95_points": None} for number in range(n)]
    svg = ET.fromstring(str(differences_svg(document | {"runs": runs, "lines": []})))  # noqa: S314 - ours
    assert count(svg, "dot") == n
    assert count(svg, "tick") < 60


@pytest.mark.parametrize("n", [1, 7, 40])
def test_a_phone_has_a_picture_of_its_own_that_fits(reports, n):
    document = two_versions(reports)
    run = document["runs"][0]
    runs = [run | {"run": f"r{number}"} for number in range(n)]
    lines = [document["lines"][0] | {"to": f"r{number}", "bridges": []} for number in range(1, n)]
    svg = ET.fromstring(str(scores_svg(document | {"runs": runs, "lines": lines}, PHONE)))  # noqa: S314 - ours
    assert float(svg.get("width")) <= 360 - 2 * 16  # the page's margins
    assert count(svg, "dot") == 2 * n
    versions = sorted(float(mark.get("x")) for mark in svg if mark.get("class") == "version")
    assert all(right - left >= 44 for left, right in itertools.pairwise(versions))  # none over another


def test_markup_in_names_stays_text(reports):
    reports.add(1, primary={"metric": "<script>x</script>"}, document={"run": "<img src=x onerror=y>"})
    page = render_history(document_of(reports), {}).decode()
    assert "<script" not in page
    assert "<img" not in page


def test_the_page_links_to_the_reports_that_are_there(reports, tmp_path):
    two_versions(reports)
    (reports.folder / "run-02" / "report.html").write_text("x")
    (tmp_path / "elsewhere").mkdir()
    write_page(document_of(reports), tmp_path / "elsewhere" / "h.html")
    page = (tmp_path / "elsewhere" / "h.html").read_text()
    assert re.findall(r'href="([^#][^"]*)"', page) == ["../reports/triage/run-02/report.html"]
