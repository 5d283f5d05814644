"""Nothing that a model, a data file or a suite's author wrote can run, load or break anything in a report."""

import copy
import itertools
import json
import re
import runpy
import shutil
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from evalkit.report import junit, markdown, table, terminal
from evalkit.report.html import render_html

TESTS = Path(__file__).resolve().parents[1]
PAYLOADS = json.loads((TESTS / "corpora" / "xss.json").read_text(encoding="utf-8"))
documents = SimpleNamespace(**runpy.run_path(str(TESTS / "unit" / "report" / "documents.py")))
# Texts whose values steer rendering: everything else is replaced by hostile text.
STEERING = {"verdict", "state", "flip", "status", "schema", "intent"}
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def poisoned(value, payloads, key=""):
    """The document with every text (and every key that names data) replaced by the next payloads, three a text."""
    if isinstance(value, str):
        return value if key in STEERING else " ".join(itertools.islice(payloads, A_TEXT))
    if isinstance(value, list):
        return [poisoned(item, payloads, key) for item in value]
    if isinstance(value, dict):
        names = key in {"slices", "scores", "kinds", "digests", "versions", "suite", "probe"} and value
        return {
            (next(payloads) + name if names else name): poisoned(item, payloads, name) for name, item in value.items()
        }
    return value


A_TEXT = 3
TURNS = range(-(-len(PAYLOADS) // A_TEXT))
"""Whoever takes them all has seen every payload in every text."""


def hostile_documents(n=240, turn=0):
    verdict, rows, manifest = documents.make_documents("dont_ship", n=n)
    payloads = itertools.islice(itertools.cycle(PAYLOADS), turn * A_TEXT, None)
    verdict = poisoned(verdict, payloads)
    manifest = poisoned(manifest, payloads)
    names = {name: f"{next(payloads)} {name}" for name in ("exact", "domain_f1", "sentiment_f1", "schema")}
    found = []
    for number, row in enumerate(rows):
        scores = {names[name]: poisoned(score, payloads) for name, score in row["scores"].items()}
        changed = poisoned({k: v for k, v in row.items() if k not in {"scores", "slices"}}, payloads)
        changed["id"] = f"{PAYLOADS[number % len(PAYLOADS)]} {number}"
        slices = {f"{PAYLOADS[0]} column": PAYLOADS[number % len(PAYLOADS)]}
        found.append({**changed, "scores": scores, "slices": slices})
    return verdict, found, manifest


class Markup(HTMLParser):
    """The elements of a page with the names of their attributes, and where its links and forms lead."""

    def __init__(self, page):
        super().__init__()
        self.found = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found |= {(tag, name) for name, _ in attrs} | {(tag, "")}
        self.found |= {(tag, name, value) for name, value in attrs if name in {"src", "action", "formaction", "style"}}
        self.found |= {(tag, name, (value or "")[:1]) for name, value in attrs if name == "href"}


def test_every_payload_in_every_text_adds_no_element_and_no_attribute(as_written):
    """Each in each with --as-written; without, each text in a sixth of them."""
    harmless = Markup(render_html(*documents.make_documents("dont_ship", n=30)).decode()).found
    assert {("script", ""), ("details", "")} <= harmless
    for turn in TURNS if as_written else TURNS[::6]:
        found = Markup(render_html(*hostile_documents(3, turn)).decode()).found
        assert not {kind for kind in found - harmless if kind[1] != "style"}, f"turn {turn}"


def test_there_are_at_least_150_different_payloads():
    assert len(set(PAYLOADS)) >= 150


def test_no_payload_becomes_markup():
    page = render_html(*hostile_documents()).decode("utf-8")
    assert page.count("<script") == page.count("</script>")
    kinds = re.findall(r"<script([^>]*)>", page)
    assert [kind for kind in kinds if "text/plain" not in kind] == [""]
    assert not re.search(r"<(?:img|iframe|object|embed|base|form(?! method=\"dialog\")|video|audio|body [a-z])", page)
    assert not re.search(r"<[a-z][^>\"']*\son\w+\s*=", page)


def test_the_policy_allows_one_script_and_one_style_sheet_by_their_hash():
    page = render_html(*hostile_documents(5)).decode("utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src &#39;none&#39;")
    assert "unsafe" not in policy
    assert page.index("Content-Security-Policy") < page.index("<style")


def test_the_other_renderings_stay_well_formed_and_inert():
    verdict, rows, _ = hostile_documents()
    ET.fromstring(junit.render_junit(verdict))  # noqa: S314 - our own output
    summary = markdown.render_markdown(verdict, rows)
    assert len(summary) <= 65_536
    outside = re.sub(r"```text\n.*?\n```", "", summary, flags=re.DOTALL)
    assert set(re.findall(r"<[^>\s]*", outside)) <= {"<details", "<summary", "</summary", "</details", "<!--"}
    assert not re.search(r"(?<![&#\w])@\w", outside)
    assert "](" not in outside
    assert "\x1b" not in terminal.summary(verdict, color=False, width=80)
    assert not re.search(r"(?m)(^|,)\"?[=@+]", table.render_csv(verdict, rows))


@pytest.mark.browser
def test_a_real_browser_runs_loads_and_reports_nothing(tmp_path, as_written):
    """Every payload in some texts; each of them in every text of the page with --as-written."""
    sync_api = pytest.importorskip("playwright.sync_api")
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("needs chromium on the PATH")
    hostile = [hostile_documents(max(240, len(PAYLOADS)))]
    hostile += [hostile_documents(5, turn) for turn in TURNS] if as_written else []
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=executable, args=CHROMIUM)
        for number, (verdict, rows, manifest) in enumerate(hostile):
            page_file = tmp_path / f"report{number}.html"
            page_file.write_bytes(render_html(verdict, copy.deepcopy(rows), manifest))
            assert seen_in(browser, page_file, len(rows)) == [f"request {page_file.as_uri()}"]
        browser.close()


def seen_in(browser, page_file, n):
    """Dialogs, requests, words on the console and errors of a page whose every corner is looked at."""
    page, seen = browser.new_page(), []
    page.add_init_script(
        "window.reports = []; addEventListener('securitypolicyviolation', e => reports.push(e.violatedDirective))"
    )
    page.on("dialog", lambda dialog: (seen.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: seen.append(f"request {request.url}"))
    page.on("console", lambda message: seen.append(f"console {message.text}"))
    page.on("pageerror", lambda error: seen.append(f"error {error}"))
    page.goto(page_file.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.keyboard.press("6")
    look_at_every_sample(page, n)
    for text in ("<img", "alert(1)", "nothing has this"):
        page.fill("#find", text)
        page.wait_for_timeout(250)
    page.evaluate("location.hash = '#f=all&slice=<img src=x onerror=alert(1)>&s=<svg onload=alert(1)>'")
    page.wait_for_timeout(250)
    assert page.evaluate("window.reports") == []
    assert page.locator("img, iframe, object, embed, video, audio, base, svg script").count() == 0
    assert page.locator("script:not([type='text/plain'])").count() == 1
    page.close()
    return seen


def look_at_every_sample(page, n):
    """Shows each sample in the detail view and hovers what is there, as a person would."""
    page.evaluate(
        """async n => {
          for (let i = 0; i < n; i++) {
            document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "j", bubbles: true}));
            await new Promise(done => setTimeout(done, 4));
          }
        }""",
        n,
    )
    assert page.inner_text("#detail .sub >> nth=0").startswith(f"{n} of {n}")
    page.hover("#detail")
    page.click("#detail h4 >> nth=0")
