"""A history of real runs, in a terminal and in a real Chromium."""

import shutil

import pytest
from bench import scripted
from history_folder import NEW, SUITE, Reports

from evalkit.jobs.history import history, write_page


def test_two_runs_of_one_suite_on_two_versions_of_its_data(bench):
    with scripted(30, 60) as server:
        first = bench.run(bench.write_suite(server.base_url, 60))
        second = bench.run(bench.write_suite(server.base_url, 80))
    found = bench.evalkit("history", "suite", "--json", "--html", "history.html")
    assert found.code == 0, found.err
    document = found.document
    assert [run["run"] for run in document["runs"]] == [first.document["run"], second.document["run"]]
    assert [(c["what"], c["side"]) for c in document["runs"][1]["changed"]] == [("data", None)]
    (line,) = document["lines"]
    assert {(bridge["new"]["side"], bridge["is_proven"]) for bridge in line["bridges"]} == {
        ("candidate", False),
        ("baseline", False),
    }
    page = (bench.folder / "history.html").read_text()
    assert page.count('report.html"') == 2
    again = bench.evalkit("history", "colours")
    assert (again.code, again.err) == (0, "")
    assert max(map(len, again.out.splitlines())) <= 80


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium on the PATH")
def test_the_page_in_a_browser(tmp_path, monkeypatch):
    sync_api = pytest.importorskip("playwright.sync_api")
    monkeypatch.chdir(tmp_path)
    reports = Reports(tmp_path)
    for day in range(1, 13):
        reports.add(day, data=NEW if day > 6 else "a" * 64)
    write_page(history(SUITE, reports.folder.parent), tmp_path / "h.html")
    seen, papers = [], set()
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        for width, scheme in ((360, "light"), (1280, "dark")):
            page = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
            page.on("console", lambda message: seen.append(message.text))
            page.on("request", lambda asked: seen.append(asked.url) if not asked.url.startswith("file:") else None)
            page.goto((tmp_path / "h.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator(".over-time circle.ring:visible").count() == 4
            papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            check_access(page)
        browser.close()
    assert (seen, len(papers)) == ([], 2)


def check_access(page):
    """What a screen reader and a keyboard need: landmarks, one h1, captions, names, reachable scrolling parts."""
    assert page.evaluate("document.querySelectorAll('header, main, footer').length") == 3
    assert page.evaluate("document.querySelectorAll('h1').length") == 1
    assert page.evaluate("[...document.querySelectorAll('table')].filter(t => !t.caption?.textContent).length") == 0
    regions = "[...document.querySelectorAll('.wide')].filter(r => r.tabIndex !== 0 || !r.ariaLabel).length"
    assert page.evaluate(regions) == 0
    assert page.evaluate("[...document.querySelectorAll('svg')].filter(s => s.ariaHidden !== 'true').length") == 0
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
