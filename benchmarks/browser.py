"""Opens a report in Chromium and times what a person waits for.

    python benchmarks/browser.py report.html 5

Prints {"open_ms": [...], "filter_ms": [...], "select_ms": [...], "version": "…"}. Open: from the navigation to the
verdict and the first rows of the sample list being visible and a row being ready for a click. Filter: from a click on
a chip to the next frame after the list had changed; every chip in turn. Select: from a click on a row to its answers.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
FLIPS = ("fixed", "both_wrong", "both_right", "all", "broken")
FILTER = """
async (flip) => {
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  const chip = document.querySelector(`[data-flip=${flip}]`);
  const wanted = chip.querySelector("[data-count]").textContent;
  const started = performance.now();
  chip.click();
  const isDone = () => document.getElementById("count").textContent.startsWith(`${wanted} `)
    && chip.getAttribute("aria-pressed") === "true";
  while (!isDone()) {
    await frame();
    if (performance.now() - started > 10000) throw new Error(`the filter ${flip} did nothing`);
  }
  await frame();
  return performance.now() - started;
}
"""


def opened(page: Page, path: Path) -> float:
    """Milliseconds until the page can be used."""
    started = time.perf_counter()
    page.goto(path.as_uri(), wait_until="commit")
    page.wait_for_selector("h1", state="visible")
    row = page.locator("#pad [role=option]").first
    row.wait_for(state="visible")
    row.click(trial=True)
    return 1000.0 * (time.perf_counter() - started)


def selected(page: Page) -> float:
    """Milliseconds from a click on the fourth row to its answers."""
    row = page.locator("#pad [role=option]").nth(3)
    row.scroll_into_view_if_needed()
    before = page.inner_text("#detail h3")
    started = time.perf_counter()
    row.click()
    while page.inner_text("#detail h3") == before:
        if time.perf_counter() - started > 10:
            sys.exit("a click on a row did nothing")
    return 1000.0 * (time.perf_counter() - started)


def measure(browser: Browser, path: Path, repeats: int) -> dict[str, list[float]]:
    """All readings, each round in a context of its own."""
    found: dict[str, list[float]] = {"open_ms": [], "filter_ms": [], "select_ms": []}
    for _ in range(repeats):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        found["open_ms"].append(opened(page, path))
        found["filter_ms"] += [page.evaluate(FILTER, flip) for flip in FLIPS]
        found["select_ms"].append(selected(page))
        context.close()
    return found


def main(path: Path, repeats: int) -> None:
    """Measures and prints."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("there is no Chromium on the PATH")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=list(QUIET))
        found = measure(browser, path, repeats)
        print(json.dumps({**found, "version": browser.version}))
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
