"""Does the correction of a judge's errors find the truth? Judges of known error rates; writes docs/judging.md.

    python benchmarks/judges.py [--runs 1000] [--model]

Each simulated run draws what is truly right of 400 pairs, has a judge of known sensitivity and specificity grade both
sides, corrects its difference by people's labels, and asks whether the 95 % interval holds the true gain. Seeded: the
same command gives the same figures, in about twenty seconds. `--model` also has the embedded model, SmolLM2 135M, grade
labelled answers of a bundled judge (four minutes on two idle cores); without it, its last figures are kept.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evalkit.stats.correction import (
    Confusion,
    Corrected,
    Labelled,
    differs_by_side,
    ppi_difference,
    rogan_gladen_difference,
)

REPO = Path(__file__).resolve().parents[1]
PAGE = REPO / "docs" / "judging.md"
SEED = 20_251_101
PAIRS, OWN, APART = 400, 120, 150
"""Pairs of a run, of which so many are labelled; or so many labelled answers a side elsewhere."""
BEFORE, AFTER, SHARED = 0.60, 0.70, 0.5
"""What is truly right on either side, and the share of pairs on which the two draw the same luck."""
TRUTH = AFTER - BEFORE
LABELLED = 16
"""Answers of the bundled judge that the embedded model grades: eight right, eight wrong."""
MODEL = "model={backend: local, model: smollm2-135m-instruct, max_tokens: 120, slots: 1, threads: 2}"
"""One question at a time, so that the rubric, the same in all, is read once."""
MARK = "<!-- the embedded model's part -->"

Shares = NDArray[np.float64]
Rates = tuple[float, float]
"""(sensitivity, specificity)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A judge to simulate."""

    name: str
    baseline: Rates
    candidate: Rates


WORLDS = (
    World(name="perfect", baseline=(1.0, 1.0), candidate=(1.0, 1.0)),
    World(name="good, both sides alike", baseline=(0.90, 0.90), candidate=(0.90, 0.90)),
    World(name="just gateable, alike", baseline=(0.80, 0.80), candidate=(0.80, 0.80)),
    World(name="flatters the candidate", baseline=(0.85, 0.85), candidate=(0.95, 0.60)),
    World(name="hard on the candidate", baseline=(0.95, 0.80), candidate=(0.80, 0.95)),
)
WAYS = ("raw", "PPI++", "Rogan–Gladen", "pooled if alike", "pooled")


def simulated(world: World, runs: int, seed: int = SEED) -> dict[str, tuple[float, float, float]]:
    """Way → (share of intervals that hold the truth, mean width, mean error of the difference), in shares."""
    draw = np.random.default_rng([seed, WORLDS.index(world)])
    held: dict[str, list[bool]] = {way: [] for way in WAYS}
    widths: dict[str, list[float]] = {way: [] for way in WAYS}
    errors: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(runs):
        for way, found in _one_run(world, draw).items():
            bounds = found.interval(0.95)
            held[way].append(bounds.low <= TRUTH <= bounds.high)
            widths[way].append(bounds.high - bounds.low)
            errors[way].append(found.delta - TRUTH)
    return {way: (float(np.mean(held[way])), float(np.mean(widths[way])), float(np.mean(errors[way]))) for way in WAYS}


def _one_run(world: World, draw: np.random.Generator) -> dict[str, Corrected]:
    base, cand = _truth(draw, PAIRS)
    seen = _graded(draw, base, world.baseline), _graded(draw, cand, world.candidate)
    rows = draw.choice(PAIRS, OWN, replace=False)
    own = Labelled(rows=rows, baseline=base[rows], candidate=cand[rows])
    tables = _tables(world, draw)
    pooled = tables["baseline"].plus(tables["candidate"])
    differs = any(p is not None and p < 0.05 for p in differs_by_side(tables["baseline"], tables["candidate"]))
    tested = tables if differs else pooled
    d = seen[1] - seen[0]
    raw = Corrected(
        baseline=float(seen[0].mean()),
        candidate=float(seen[1].mean()),
        error=float(d.std(ddof=1)) / PAIRS**0.5,
        freedom=PAIRS - 1,
        method="raw",
    )
    found = {"raw": raw, "PPI++": ppi_difference(*seen, own)}
    for way, rates in (("Rogan–Gladen", tables), ("pooled if alike", tested), ("pooled", pooled)):
        corrected = rogan_gladen_difference(*seen, rates)
        if corrected is not None:
            found[way] = corrected
    return found


def _truth(draw: np.random.Generator, n: int) -> tuple[Shares, Shares]:
    luck = draw.random(n)
    other = np.where(draw.random(n) < SHARED, luck, draw.random(n))
    return (luck < BEFORE).astype(np.float64), (other < AFTER).astype(np.float64)


def _graded(draw: np.random.Generator, truth: Shares, rates: Rates) -> Shares:
    sensitivity, specificity = rates
    return (draw.random(len(truth)) < np.where(truth == 1.0, sensitivity, 1.0 - specificity)).astype(np.float64)


def _tables(world: World, draw: np.random.Generator) -> Mapping[str, Confusion]:
    truths = dict(zip(("baseline", "candidate"), _truth(draw, APART), strict=True))
    found = {}
    for role, rates in (("baseline", world.baseline), ("candidate", world.candidate)):
        truth, seen = truths[role] == 1.0, _graded(draw, truths[role], rates) == 1.0
        cells = {"tp": truth & seen, "fn": truth & ~seen, "fp": ~truth & seen, "tn": ~truth & ~seen}
        found[role] = Confusion(**{name: int(cell.sum()) for name, cell in cells.items()})
    return found


def table(runs: int) -> str:
    """The simulation as a Markdown table."""
    head = "| judge | Se, Sp baseline | Se, Sp candidate | " + " | ".join(WAYS) + " |"
    lines = [head, "|---|---|---|" + "---|" * len(WAYS)]
    for world in WORLDS:
        found = simulated(world, runs)
        cells = [
            f"{100 * held:.1f} % ({200 * error / 2:+.1f}, ±{50 * width:.1f})" for held, width, error in found.values()
        ]
        sides = (f"{se:.2f}, {sp:.2f}" for se, sp in (world.baseline, world.candidate))
        lines.append(f"| {world.name} | {' | '.join(sides)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def embedded() -> str:
    """What `evalkit judge calibrate` says of SmolLM2 135M as a bundled judge's model."""
    name, labels = "correctness_vs_reference", REPO / "judges" / "calibration" / "correctness_vs_reference.labels.jsonl"
    with tempfile.TemporaryDirectory() as home:
        some = Path(home) / "labels.jsonl"
        some.write_text("".join(labels.read_text().splitlines(keepends=True)[:LABELLED]))
        began = time.monotonic()
        child = subprocess.run(
            [sys.executable, "-m", "evalkit", "judge", "calibrate", name, "--labels", some.name, "--set", MODEL],
            check=False,
            capture_output=True,
            text=True,
            cwd=home,
            env=os.environ | {"EVALKIT_HOME": home, "NO_COLOR": "1", "PYTHONPATH": str(REPO)},
        )
        took, cpu = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode not in {0, 1}:
        raise SystemExit(child.stderr)
    command = f"evalkit judge calibrate {name} --labels {some.name} --set '{MODEL}'"
    minutes = (cpu.ru_utime + cpu.ru_stime) / 60.0
    spent = (
        f"It took {took / 60.0:.1f} minutes and {minutes:.1f} of CPU time on two threads: {minutes / 2.0:.1f} minutes "
        "where nothing else runs."
    )
    return f"{spent}\n\n```text\n$ {command}\n\n{child.stdout.rstrip()}\n```\n"


def page(runs: int, model: str) -> str:
    """docs/judging.md."""
    return f"""# How far a corrected judge can be believed

`python benchmarks/judges.py` wrote this page; [judges.md](judges.md) says what the words mean.

## A judge of known errors

{runs:,} simulated runs a row: {PAIRS} pairs, of which truly {100 * BEFORE:.0f} % are right on the baseline's side and
{100 * AFTER:.0f} % on the candidate's, graded by a judge of the sensitivity and specificity given. Each cell: how often
the 95 % interval holds the true gain of {100 * TRUTH:.0f} points (mean error of the difference in points, half the
interval's width).

- **PPI++** has people's labels of {OWN} of the pairs.
- **Rogan–Gladen** has {APART} labelled answers of each side from elsewhere, and corrects each by its own errors.
- **pooled if alike** has the same labels and pools them where Fisher's test sees no difference between the sides.
- **pooled** always pools.

evalkit uses the first two. It pools only where labels are too few for each side and Fisher's test sees no difference,
or where they do not say whose answers they are about, and says so.

{table(runs)}

A good judge's raw difference is too small, a flattering judge's too large, and its interval is narrow around the wrong
place. The corrected one is wider, which is the price of the labels' own noise, and holds the truth. Pooling is right
only where the judge errs alike on both sides, and a test that sees no difference does not prove that.

## A small model as judge

SmolLM2 135M, the embedded model, as the judge `correctness_vs_reference`, on the first {LABELLED} of the labelled
answers that come with it (`--model`). What it says nothing usable about is missing, never a zero, and calibration says
what it lacks; in a run, more than 1 % of such answers are `JUDGE_UNREADABLE`, inconclusive.

{MARK}
{model}"""


def main() -> int:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--model", action="store_true", help="have the embedded model grade, too")
    asked = parser.parse_args()
    earlier = re.split(re.escape(MARK) + "\n", PAGE.read_text(), maxsplit=1)[1:] if PAGE.is_file() else []
    model = embedded() if asked.model else "".join(earlier) or "Not measured yet: --model does.\n"
    PAGE.write_text(page(asked.runs, model))
    print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
