"""The rating page in a real Chromium, opened from disk: somebody rates, stops, goes on, and sends a file back."""

import json
import shutil
import time
from pathlib import Path

import pytest
from raters import download, make, rated, samples, write_run

from evalkit.jobs.rating.take_back import import_ratings

sync_api = pytest.importorskip("playwright.sync_api")

ARTEFACTS = Path(__file__).resolve().parents[1] / "artefacts"
PAYLOADS = json.loads((ARTEFACTS.parent / "corpora" / "xss.json").read_text(encoding="utf-8"))
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
KEYS = {"left": "1", "same": "2", "right": "3", "both_bad": "4"}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium on the PATH"),
]


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_run(tmp_path / "reports" / "triage" / "r1", n=80)


@pytest.fixture
def opened(chromium):
    """Opens a page; at the end nothing but the file was requested and nothing was complained about."""
    contexts, seen = [], []

    def open_page(run, *, file="rate.html", **context):
        contexts.append(chromium.new_context(**({"viewport": {"width": 1280, "height": 860}} | context)))
        page = contexts[-1].new_page()
        page.on("console", lambda message: seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: seen.append(request.url) if not request.url.startswith("file:") else None)
        page.goto((run / file).as_uri())
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [said for said in seen if not said.startswith("blob:")] == []


def begin(page, name="Anna"):
    page.fill("#rater", name)
    page.press("#rater", "Enter")


def at(page):
    return page.inner_text("#count")


def saved(page, path, button="#done .download"):
    with page.expect_download() as coming:
        page.click(button)
    coming.value.save_as(path)
    return coming.value.suggested_filename


def take(run, path):
    return import_ratings([path], str(run), run.parents[1]).document


def test_twelve_pairs_by_keyboard_with_a_reload_an_undo_a_download_and_an_import(run, opened, tmp_path):
    key = make(run, n=11)
    assert len(key.showings) == 12
    rows, page = samples(run), opened(run)
    begin(page)
    for number, showing in enumerate(key.showings, start=1):
        assert at(page) == f"Pair {number} of 12"
        right = "baseline" if showing.left == "candidate" else "candidate"
        assert page.text_content("#prompt") == rows[showing.sample]["input"]
        assert page.text_content("#left") == rows[showing.sample][showing.left]["text"]
        assert page.text_content("#right") == rows[showing.sample][right]["text"]
        if number == 5:
            page.keyboard.press("4")
            page.keyboard.press("u")
            assert at(page) == "Pair 5 of 12"
        if number == 7:
            page.reload()
            page.wait_for_selector("html[data-ready]")
            assert "You have rated 6 of 12 pairs" in page.inner_text("#so-far")
            assert page.input_value("#rater") == "Anna"
            page.click("#begin")
            assert at(page) == "Pair 7 of 12"
        page.keyboard.press("1" if showing.left == "candidate" else "3")
    assert page.evaluate("document.activeElement.id") == "done-title"
    assert saved(page, tmp_path / "anna.jsonl") == f"ratings-{key.batch[:8]}-anna.jsonl"
    found = take(run, tmp_path / "anna.jsonl")
    assert found["preference"]["wins"] == found["rated"] == 11
    assert found["self_agreement"] == {"n": 1, "agreed": 1}
    assert 0 < found["median_seconds"] < 60


def test_the_mouse_does_it_too_and_half_the_work_can_be_sent(run, opened, tmp_path):
    make(run, n=11)
    page = opened(run)
    page.click("#begin")
    assert page.locator("#no-name").is_visible()
    assert page.locator("#compare").is_hidden()
    begin(page, "Zoë Ünal")
    page.fill("#note", "“both” fine \\ \u2028 1234u 😀")
    page.keyboard.press("Enter")
    page.click("[data-choice=same]")
    page.click("[data-choice=both_bad]")
    page.click("#compare .undo")
    page.click("[data-choice=left]")
    assert saved(page, tmp_path / "half.jsonl", "#compare .download").endswith("-zoë-ünal.jsonl")
    found = take(run, tmp_path / "half.jsonl")
    assert found["raters"][0]["choices"] == {"left": 1, "same": 1, "right": 0, "both_bad": 0}
    assert found["notes"][0]["note"] == "“both” fine \\ \u2028 1234u 😀"


def test_keys_do_nothing_while_a_note_is_written_or_a_key_is_held(run, opened):
    make(run, n=11)
    page = opened(run)
    page.focus("#rater")
    page.keyboard.type("1234u")
    page.keyboard.press("Enter")
    page.focus("#note")
    page.keyboard.type("1234u")
    assert at(page) == "Pair 1 of 12"
    page.keyboard.press("Enter")
    page.keyboard.press("Control+1")
    assert at(page) == "Pair 1 of 12"
    for _ in range(5):
        page.keyboard.down("2")
    assert at(page) == "Pair 2 of 12"
    page.keyboard.up("2")
    page.keyboard.press("u")
    assert page.input_value("#note") == "1234u"


def test_a_browser_that_keeps_nothing_says_so_and_still_saves(run, opened, tmp_path):
    make(run, n=11)
    page = opened(run)
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('full') }; }")
    begin(page)
    page.keyboard.press("1")
    assert page.locator("#cannot-keep").is_visible()
    saved(page, tmp_path / "kept.jsonl", "#compare .download")
    assert take(run, tmp_path / "kept.jsonl")["raters"][0]["ratings"] == 1


def test_two_tabs_of_one_page_go_on_together_and_lose_nothing(run, opened, tmp_path):
    key = make(run, n=11)
    first = opened(run)
    begin(first)
    first.keyboard.press("1")
    second = first.context.new_page()
    second.goto((run / "rate.html").as_uri())
    second.wait_for_selector("html[data-ready]")
    second.click("#begin")
    for _ in range(3):
        second.keyboard.press("2")
    sync_api.expect(first.locator("#count")).to_have_text("Pair 5 of 12")
    assert first.locator("#elsewhere").is_visible()
    first.keyboard.press("3")
    assert first.locator("#elsewhere").is_hidden()
    sync_api.expect(second.locator("#count")).to_have_text("Pair 6 of 12")
    saved(second, tmp_path / "both.jsonl", "#compare .download")
    assert take(run, tmp_path / "both.jsonl")["raters"][0]["choices"] == {
        "left": 1,
        "same": 3,
        "right": 1,
        "both_bad": 0,
    }
    assert key.batch in (tmp_path / "both.jsonl").read_text()


def test_a_tab_that_heard_nothing_of_the_other_takes_no_choice_for_another_pair(run, opened):
    make(run, n=11)
    page = opened(run)
    begin(page)
    page.keyboard.press("1")
    page.evaluate("""() => {
        const [name] = Object.keys(localStorage);
        const kept = JSON.parse(localStorage.getItem(name));
        kept.ratings.push({ ...kept.ratings[0], item: "another", choice: "same" });
        localStorage.setItem(name, JSON.stringify(kept));
    }""")  # a page hears of its own writing in no event
    assert at(page) == "Pair 2 of 12"
    page.keyboard.press("3")
    assert at(page) == "Pair 3 of 12"
    assert page.locator("#elsewhere").is_visible()
    kept = "JSON.parse(localStorage.getItem(Object.keys(localStorage)[0])).ratings.map(rating => rating.choice)"
    assert page.evaluate(kept) == ["left", "same"]
    page.evaluate("localStorage.clear()")
    page.keyboard.press("4")
    assert page.evaluate(kept) == ["left", "same", "both_bad"]


def test_hostile_answers_do_nothing_and_the_page_s_policy_forbids_the_rest(tmp_path, monkeypatch, opened):
    def poison(rows):
        for number, row in enumerate(rows):
            payloads = PAYLOADS[number % len(PAYLOADS)], PAYLOADS[(7 * number) % len(PAYLOADS)]
            row["input"], row["candidate"]["text"] = f"{payloads[0]} {number}", f"{payloads[1]} \u202e {number}"

    monkeypatch.chdir(tmp_path)
    run = write_run(tmp_path / "reports" / "triage" / "r1", n=80, change=poison)
    rubric = tmp_path / "rubric.md"
    rubric.write_bytes("\n".join(PAYLOADS)[:15_000].encode("utf-8", "replace"))
    key = make(run, n=80, rubric=rubric)
    page = opened(run)
    begin(page, PAYLOADS[0][:80])
    for _ in key.showings:
        page.keyboard.press("2")
    assert page.locator("#done").is_visible()
    assert (
        page.evaluate("document.querySelectorAll('main img, main iframe, main script, main a, main svg').length") == 0
    )
    assert page.evaluate("document.querySelectorAll('script').length") == 2


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_width_makes_it_scroll_sideways_and_targets_are_large(run, opened, width):
    def lengthen(rows):
        for row in rows:
            row["candidate"]["text"] = "word" * 300 + " ".join(["\nline"] * 80)

    shutil.rmtree(run)
    write_run(run, n=30, change=lengthen)
    make(run, n=11)
    page = opened(run, viewport={"width": width, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    begin(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [button.bounding_box() for button in page.locator(".choices button").all()]
    assert min(box["height"] for box in boxes) >= 44
    assert min(box["width"] for box in boxes) >= 44
    assert max(box["y"] + box["height"] for box in boxes) <= 740  # in sight without scrolling
    page.keyboard.press("1")
    sync_api.expect(page.locator("#count")).to_have_text("Pair 2 of 12")
    deadline = time.monotonic() + 30
    while page.evaluate("scrollY") != 0:  # wait_for_function polls with eval, which the page forbids
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def test_every_control_has_a_name_and_what_happens_is_announced(run, opened):
    make(run, n=11)
    page = opened(run)
    begin(page)
    names = page.evaluate(
        "[...document.querySelectorAll('button, input, progress')]"
        ".filter(c => !c.textContent.trim() && !c.labels?.length && !c.ariaLabel).length"
    )
    assert names == 0
    assert page.evaluate("document.querySelectorAll('h1').length") == 1
    assert page.get_attribute("#said", "role") == "status"
    page.keyboard.press("3")
    assert page.text_content("#said") == "Right is better."
    page.keyboard.press("u")
    assert "taken back" in page.text_content("#said")
    for _ in range(6):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
    assert page.evaluate("[...document.querySelectorAll('[id]')].length") == page.evaluate(
        "new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_colour_schemes_are_drawn_and_kept_to_look_at(run, opened, scheme):
    make(run, n=11)
    ARTEFACTS.mkdir(exist_ok=True)
    for width in (360, 1280):
        page = opened(run, color_scheme=scheme, viewport={"width": width, "height": 760})
        begin(page)
        page.keyboard.press("1")
        page.screenshot(path=ARTEFACTS / f"rating-{scheme}-{width}.png")
    body = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (body == "rgb(255, 255, 255)") == (scheme == "light")


def test_the_report_tells_it_and_its_captions_stay_in_sight_on_a_phone(run, opened, tmp_path):
    key = make(run, n=11)
    sent = tmp_path / "anna.jsonl"
    sent.write_bytes(download(key.batch, "Anna", rated(key, "candidate")))
    take(run, sent)
    page = opened(run, file="report.html", viewport={"width": 360, "height": 740})
    assert "candidate better on 11" in page.inner_text("section[aria-labelledby=people]")
    page.evaluate("for (const box of document.querySelectorAll('details')) box.open = true")
    hidden = page.evaluate(
        "[...document.querySelectorAll('.wide caption')].filter(c => c.closest('.wide').clientWidth"
        " && c.getBoundingClientRect().width > c.closest('.wide').clientWidth + 1).map(c => c.textContent)"
    )
    assert hidden == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_javascript_it_says_why_nothing_happens(run, chromium):
    make(run, n=11)
    page = chromium.new_page(java_script_enabled=False)
    page.goto((run / "rate.html").as_uri())
    assert "needs JavaScript" in page.inner_text("main")
    page.close()
