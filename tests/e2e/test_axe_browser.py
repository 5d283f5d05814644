"""axe-core over every page evalkit writes, in a real Chromium: no violation of WCAG 2.2 at level AA."""

import runpy
import shutil
from importlib import resources
from pathlib import Path
from types import SimpleNamespace

import pytest
from bench import Bench
from history_folder import NEW, OLD, SUITE, Reports
from rich_run import full_run

from evalkit.jobs.history import history, write_page
from evalkit.report.html import render_html

sync_api = pytest.importorskip("playwright.sync_api")

DOCUMENTS = Path(__file__).resolve().parents[1] / "unit" / "report" / "documents.py"
documents = SimpleNamespace(**runpy.run_path(str(DOCUMENTS)))
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LOOK = """
async ([part, tags]) => (await axe.run(part, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] }))
  .violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 200)}`))
"""
SIDEWAYS = """(which) => [...document.querySelectorAll(which)].filter((box) => box.scrollWidth > box.clientWidth)
  .map((box) => box.getAttribute("aria-label"))"""
LOOKS = [("light", 1440), ("dark", 360)]
"""Each scheme and each width once: colours do not depend on the width, nor layout on the scheme."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium on the PATH"),
]


@pytest.fixture(scope="module")
def axe():
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with several baselines, a judge, ratings, samples that were trained on, failures and a payback."""
    folder = tmp_path_factory.mktemp("rich")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("EVALKIT_HOME", str(folder / "home"))
        return full_run(Bench(folder))


@pytest.fixture(scope="module")
def chromium(run):  # after the run, for a browser holds the event loop
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, axe):
    """Opens a page with axe in it and every folded part open; the page's policy would not let axe in."""
    contexts = []

    def open_page(path, scheme="light", width=1440):
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
        )
        contexts.append(context)
        page = context.new_page()
        page.goto(path.as_uri())
        page.evaluate("for (const box of document.querySelectorAll('details')) box.open = true")
        page.evaluate(axe)
        return page

    yield open_page
    for context in contexts:
        context.close()


def violations(page, part="html"):
    return page.evaluate(LOOK, [part, TAGS])


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_a_report_with_every_section_there_is(opened, run, scheme, width):
    page = opened(run / "report.html", scheme, width)
    page.wait_for_selector("html[data-ready]")
    sections = set(page.locator("h2").evaluate_all("all => all.map(h => h.id)"))
    assert {"against", "people", "kinds", "cost", "judges", "data_health", "checks", "slices"} <= sections
    assert page.locator("table.asked a[href='#m=brief&f=broken']").count() == 1
    assert "on graded against rag is +" in page.inner_text("section[aria-labelledby=reasons]")
    assert page.locator("table.many").count() > 2
    assert page.evaluate(SIDEWAYS, ".wide:has(> .many)") == []
    assert violations(page) == []


def test_the_sample_browser_in_use_and_its_list_of_keys(opened, tmp_path):
    path = tmp_path / "report.html"
    path.write_bytes(render_html(*documents.make_documents("ship", n=40)))
    page = opened(path, "dark")
    page.wait_for_selector("html[data-ready]")
    page.click("[data-flip=all]")
    page.locator("#pad [role=option]").nth(2).click()
    assert violations(page, "#browser") == []
    page.click("#help-open")
    assert violations(page, "#help") == []


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_rating_page_from_welcome_to_thanks(opened, run, scheme, width):
    page = opened(run / "rate.html", scheme, width)
    page.wait_for_selector("html[data-ready]")
    page.click("#begin")
    assert page.locator("#no-name").is_visible()
    assert violations(page) == []
    page.fill("#rater", "Anna")
    page.press("#rater", "Enter")
    page.keyboard.press("1")
    assert violations(page) == []
    while page.locator("#compare").is_visible():
        page.keyboard.press("2")
    assert violations(page) == []


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_a_history_with_every_verdict_and_a_change_of_data(opened, tmp_path, monkeypatch, scheme, width):
    monkeypatch.chdir(tmp_path)
    reports = Reports(tmp_path)
    for day, verdict in enumerate(("ship", "dont_ship", "inconclusive", "invalid", "error", "ship"), start=1):
        reports.add(day, data=NEW if day > 3 else OLD, verdict=verdict, levels=None if verdict == "error" else (70, 80))
    write_page(history(SUITE, reports.folder.parent), tmp_path / "h.html")
    page = opened(tmp_path / "h.html", scheme, width)
    assert page.locator(".over-time:visible").count() == 2
    assert page.evaluate(SIDEWAYS, ".wide") == []
    assert violations(page) == []


@pytest.mark.parametrize(
    "harm", ["document.documentElement.lang = ''", "document.body.append(document.createElement('button'))"]
)
def test_axe_sees_what_is_wrong(opened, run, harm):
    page = opened(run / "rate.html")
    page.evaluate(harm)
    assert violations(page) != []
