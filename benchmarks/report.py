"""The report of a large run: how big it is and how long a person waits in a browser."""

from __future__ import annotations

import json

import workload
from figures import Row, not_measured, spread
from processes import NotMeasuredError, evalkit, script, successful
from setting import Setting

WORDS = 60
SIZE = "report.html, 10,000 samples × 2 models, texts of 60 words"
OPEN = "opened in Chromium and ready to use"
FILTER = "a filter on its samples"
ROWS = ((SIZE, "≤ 4.5 MB"), (OPEN, "≤ 1 s"), (FILTER, "≤ 100 ms"))


def measure(setting: Setting) -> list[Row]:
    """Size, opening, filtering."""
    count = 500 if setting.is_quick else 10_000
    folder = setting.folder / "report"
    suite = workload.write_texts(folder, count, WORDS)
    ended = evalkit(*workload.compare_command(suite), "--json", folder=folder, home=folder / "home")
    document = json.loads(successful(ended, "evalkit compare", codes=(0, 1, 3)).out)
    path = folder / "reports" / document["suite"] / document["run"] / "report.html"
    size_mb = path.stat().st_size / 1e6
    words_mb = sum(file.stat().st_size for file in folder.glob("*.jsonl")) / 1e6
    row = Row(
        what=SIZE,
        figure=f"{size_mb:.2f} MB",
        target=ROWS[0][1],
        is_met=size_mb <= 4.5,
        how=f"one file of {count:,} inputs and {2 * count:,} answers of {WORDS} words each, {words_mb:.1f} MB of data "
        f"files; words by Zipf's law from {workload.VOCABULARY:,}, no two answers alike; written by `evalkit compare` "
        f"in {ended.wall_s:.1f} s (CPU {ended.cpu_s:.1f} s, peak {ended.peak_mb:.0f} MB)",
    )
    setting.say(f"  report.html: {size_mb:.2f} MB after {ended.wall_s:.1f} s")
    try:
        found = script("browser.py", path, "5", folder=folder, timeout_s=120)
    except NotMeasuredError as error:
        return [row, *(not_measured(what, target, str(error)) for what, target in ROWS[1:])]
    opening, filtering, selecting = (spread(found[key]) for key in ("open_ms", "filter_ms", "select_ms"))
    return [
        row,
        Row(
            what=OPEN,
            figure=opening.told(0, "ms"),
            target=ROWS[1][1],
            is_met=opening.median <= 1000,
            how=f"from disk, headless Chromium {found['version']}: from the navigation until verdict and rows are "
            "visible and a row can be clicked",
        ),
        Row(
            what=FILTER,
            figure=filtering.told(0, "ms"),
            target=ROWS[2][1],
            is_met=filtering.median <= 100,
            how="from the click on a chip to the frame after the list has changed; five chips, five times opened",
        ),
        Row(what="a sample's answers after a click on its row", figure=selecting.told(0, "ms"), how="as above"),
    ]
