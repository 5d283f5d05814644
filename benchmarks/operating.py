"""How often the gate is wrong: whole verdicts over simulated runs whose truth is known; writes docs/operating.md.

    python benchmarks/operating.py [--full] [--only WORD] [--workers N]

Every simulated run is a table of scores and goes through `evalkit.compare.gate.decide`, as a real one does. Seeded:
the same command gives the same figures. Two or three minutes on two cores; --full draws ten times as many runs. The
page is written unless --only picks a part.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.stats.intervals import wilson
from evalkit.types import GateSpec, GuardSpec, ModelSpec, PrimarySpec, Sample, Scored, Suite, Verdict
from evalkit.types.table import Column, ScoreTable, Tally

PAGE = Path(__file__).resolve().parents[1] / "docs" / "operating.md"
SEED = 20_240_601
PHI = 0.5
"""Correlation between the two sides' answers to the same sample."""
SAMPLES_AT_ONCE = 250
"""Runs one worker simulates at a time."""

PLAIN = GateSpec(primary=PrimarySpec(metric="score"))
"""The gate as a suite has it that says nothing but which metric decides."""

Scores = NDArray[np.float64]
Run = tuple[Scores, Scores, NDArray[np.intp] | None]
"""(baseline, candidate, clusters or None), each of shape (n,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A truth to draw runs from."""

    name: str
    n: int
    truth: float
    """The true gain, a share."""
    draw: Callable[[np.random.Generator], Run]
    runs: int = 4_000
    gate: GateSpec = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A share of the runs, and what it should be."""

    text: str
    world: str
    counted: str
    """ship | inconclusive | dont_ship | covered | held"""
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """The metric of a column of drawn scores; only its name is used."""

    name: str

    def score(self, answer: str, sample: Sample) -> Scored:
        """Never called: the scores are drawn."""
        raise NotImplementedError


def right_or_wrong(n: int, baseline: float, candidate: float) -> Callable[[np.random.Generator], Run]:
    """Right/wrong answers of two sides with these accuracies and correlation PHI."""
    both = baseline * candidate + PHI * (baseline * (1 - baseline) * candidate * (1 - candidate)) ** 0.5
    both = min(both, baseline, candidate)
    cells = np.array([both, candidate - both, baseline - both, 1.0 - baseline - candidate + both])

    def draw(rng: np.random.Generator) -> Run:
        kinds = rng.choice(4, size=n, p=cells)
        return (kinds % 2 == 0).astype(float), (kinds < 2).astype(float), None

    return draw


def in_clusters(groups: int, size: int, spread: float) -> Callable[[np.random.Generator], Run]:
    """Right/wrong answers whose gain varies between clusters with SD `spread` around 0; 30 % of pairs disagree."""
    psi, base_rate = 0.30, 0.70
    clusters = np.repeat(np.arange(groups), size)

    def draw(rng: np.random.Generator) -> Run:
        gain = np.clip(rng.normal(0.0, spread, groups), -psi, psi)[clusters]
        fixed, broken = (psi + gain) / 2.0, (psi - gain) / 2.0
        u = rng.random(groups * size)
        is_broken, is_fixed = u < broken, (u >= base_rate) & (u < base_rate + fixed)
        base = (u < base_rate).astype(float)
        return base, np.where(is_fixed, 1.0, np.where(is_broken, 0.0, base)), clusters

    return draw


def marks_one_to_five(n: int) -> Callable[[np.random.Generator], Run]:
    """Marks from 1 to 5, as shares, of equally good sides on samples of differing difficulty."""

    def draw(rng: np.random.Generator) -> Run:
        level = rng.beta(4.0, 3.0, n)
        base, cand = (np.round(4.0 * np.clip(level + rng.normal(0.0, 0.2, n), 0.0, 1.0)) / 4.0 for _ in range(2))
        return base, cand, None

    return draw


def few_large_gains(n: int) -> Callable[[np.random.Generator], Run]:
    """Zero-inflated gains of a graded metric: most samples tie, a fifth gain about 0.3, a tenth lose about 0.2."""

    def draw(rng: np.random.Generator) -> Run:
        base = np.full(n, 0.5)
        kind = rng.random(n)
        gain = np.where(kind < 0.2, rng.beta(3, 7, n), np.where(kind > 0.9, -rng.beta(2, 8, n), 0.0))
        return base, np.clip(base + 0.5 * gain, 0.0, 1.0), None

    return draw


def worlds() -> dict[str, World]:
    """Every truth by name."""
    found = [
        World(
            name=f"n={n} +{gain:g}",
            n=n,
            truth=gain / 100,
            draw=right_or_wrong(n, 0.70, 0.70 + gain / 100),
            # Where no target is at stake fewer runs tell enough.
            runs=4_000 if gain == 0 or (n == 200 and gain >= 8) else 1_500,
        )
        for n, gains in ((200, (0, 3, 5, 8, 10)), (100, (0, 8)), (500, (0, 8)))
        for gain in gains
    ]
    found += [
        World(name=f"n={n} {b:g}->{c:g}", n=n, truth=c - b, draw=right_or_wrong(n, b, c))
        for n, b, c in ((50, 0.70, 0.75), (50, 0.95, 0.99), (50, 0.98, 0.99), (200, 0.95, 0.99))
    ]
    found += [
        World(name="20 x 10", n=200, truth=0.0, draw=in_clusters(20, 10, 0.2), runs=2_000),
        World(name="10 x 20", n=200, truth=0.0, draw=in_clusters(10, 20, 0.2), runs=2_000),
        World(name="zero-inflated 30", n=30, truth=0.5 * (0.2 * 0.3 - 0.1 * 0.2), draw=few_large_gains(30), runs=1_000),
        World(name="zero-inflated 100", n=100, truth=0.5 * (0.2 * 0.3 - 0.1 * 0.2), draw=few_large_gains(100)),
        World(name="marks 100 +0", n=100, truth=0.0, draw=marks_one_to_five(100)),
        World(name="guard, equal", n=200, truth=0.0, draw=right_or_wrong(200, 0.90, 0.90), gate=guarded(margin=3.0)),
        World(name="guard, -6", n=200, truth=-0.06, draw=right_or_wrong(200, 0.90, 0.84), gate=guarded(margin=3.0)),
        World(name="any of 2", n=200, truth=0.0, draw=right_or_wrong(200, 0.70, 0.70), gate=either()),
    ]
    return {world.name: world for world in found}


def guarded(margin: float) -> GateSpec:
    """A gate whose guard watches the metric itself."""
    return GateSpec(primary=PrimarySpec(metric="score"), guards=(GuardSpec(metric="score", margin=margin),))


def either() -> GateSpec:
    """A gate of two metrics of which one has to pass; the second one is drawn apart."""
    return GateSpec(primary=PrimarySpec(metric="score", others=("other",), require="any"))


def covers(what: str, world: str) -> Question:
    """How often the two-sided 95 % interval holds the truth."""
    return Question(text=f"95 % interval covers, {what}", world=world, counted="covered", at_least=0.93)


QUESTIONS = (
    Question(text="ships, no true gain (false ships)", world="n=200 +0", counted="ship", at_most=0.06),
    Question(text="ships, true gain +3", world="n=200 +3", counted="ship"),
    Question(text="ships, true gain +5, the bar itself", world="n=200 +5", counted="ship"),
    Question(text="ships, true gain +8", world="n=200 +8", counted="ship", at_least=0.78),
    Question(text="ships, true gain +10", world="n=200 +10", counted="ship", at_least=0.92),
    Question(text="inconclusive, no true gain", world="n=200 +0", counted="inconclusive"),
    Question(text="inconclusive, true gain +5", world="n=200 +5", counted="inconclusive"),
    Question(text="inconclusive, true gain +8", world="n=200 +8", counted="inconclusive"),
    Question(text="ships, no true gain, 100 samples", world="n=100 +0", counted="ship", at_most=0.06),
    Question(text="ships, true gain +8, 100 samples", world="n=100 +8", counted="ship"),
    Question(text="inconclusive, true gain +8, 100 samples", world="n=100 +8", counted="inconclusive"),
    Question(text="ships, no true gain, 500 samples", world="n=500 +0", counted="ship", at_most=0.06),
    Question(text="ships, true gain +8, 500 samples", world="n=500 +8", counted="ship"),
    Question(text="ships, no true gain, two metrics, `require: any`", world="any of 2", counted="ship", at_most=0.06),
    Question(text="ships, no true gain, 20 clusters of 10", world="20 x 10", counted="ship", at_most=0.08),
    Question(text="ships, no true gain, 10 clusters of 20", world="10 x 20", counted="ship", at_most=0.08),
    covers("20 clusters of 10", "20 x 10"),
    covers("50 samples, .70 to .75", "n=50 0.7->0.75"),
    covers("50 samples, .95 to .99", "n=50 0.95->0.99"),
    covers("50 samples, .98 to .99", "n=50 0.98->0.99"),
    covers("200 samples, .95 to .99", "n=200 0.95->0.99"),
    covers("30 skewed graded scores", "zero-inflated 30"),
    covers("100 skewed graded scores", "zero-inflated 100"),
    covers("100 marks from 1 to 5", "marks 100 +0"),
    Question(text="a guard (3 points) clears an equal candidate", world="guard, equal", counted="held"),
    Question(text="a guard (3 points) clears a true loss of 6", world="guard, -6", counted="held", at_most=0.05),
)


def verdict_on(world: World, rng: np.random.Generator) -> Verdict:
    """One simulated run, through the gate."""
    names = world.gate.primary.metrics
    columns: dict[str, dict[str, Column]] = {"baseline": {}, "candidate": {}}
    clusters = None
    for name in names:
        base, cand, clusters = world.draw(rng)
        for role, values in (("baseline", base), ("candidate", cand)):
            columns[role][name] = Column(values=values, is_scored=np.ones(world.n, dtype=np.bool_), why={})
    table = ScoreTable(
        suite="simulated",
        sample_ids=tuple(map(str, range(world.n))),
        columns=columns,
        tallies={role: Tally(planned=world.n, ok=world.n) for role in columns},
        clusters=clusters,
        slices={},
        both_answered=world.n,
    )
    main = Measured(table=table, metrics={name: Drawn(name) for name in names})
    return decide(Evidence(suite=suite(world.gate), main=main, guards={}, seed=f"fp1:{rng.integers(1 << 30)}"))


def suite(gate: GateSpec) -> Suite:
    """A suite with this gate and nothing else that matters."""
    return Suite(
        name="simulated",
        path=Path("suite.yaml"),
        root=Path(),
        samples=(),
        dataset_path=Path("samples.jsonl"),
        dataset_sha256="0" * 64,
        is_locked=False,
        models={role: ModelSpec(role=role, backend="outputs") for role in ("baseline", "candidate")},
        metrics=(),
        gate=gate,
    )


def counted(name: str, runs: int, part: int) -> Counter[str]:
    """What became of so many runs drawn from a world; `part` is which of its seeds."""
    world = worlds()[name]
    rng = np.random.default_rng([SEED, part, *name.encode()])
    found: Counter[str] = Counter()
    for _ in range(runs):
        verdict = verdict_on(world, rng)
        found[verdict.status] += 1
        interval = verdict.primary.ci95 if verdict.primary else None
        found["covered"] += interval is not None and interval.low <= 100.0 * world.truth <= interval.high
        found["held"] += any(guard.state == "held" for guard in verdict.guards)
        found["runs"] += 1
    return found


def simulate(names: Sequence[str], factor: int, workers: int) -> dict[str, Counter[str]]:
    """Counts by world."""
    known = worlds()
    parts = [
        (name, SAMPLES_AT_ONCE, part) for name in names for part in range(known[name].runs * factor // SAMPLES_AT_ONCE)
    ]
    totals: dict[str, Counter[str]] = {name: Counter() for name in names}
    with ProcessPoolExecutor(workers) as pool:
        for (name, _, _), found in zip(parts, pool.map(counted, *zip(*parts, strict=True)), strict=True):
            totals[name] += found
    return totals


def rows(totals: dict[str, Counter[str]]) -> Iterator[tuple[str, ...]]:
    """(question, runs, share with its Monte Carlo interval, target, whether it is met)."""
    for asked in QUESTIONS:
        if asked.world not in totals:
            continue
        found = totals[asked.world]
        n, k = found["runs"], found[asked.counted]
        sure, share = wilson(k, n, 0.95), k / n
        target, is_met = "", ""
        if asked.at_most is not None:
            target, is_met = f"≤ {100 * asked.at_most:g} %", "yes" if share <= asked.at_most else "**no**"
        if asked.at_least is not None:
            target, is_met = f"≥ {100 * asked.at_least:g} %", "yes" if share >= asked.at_least else "**no**"
        shown = f"{100 * share:.1f} % [{100 * sure.low:.1f}, {100 * sure.high:.1f}]"
        yield asked.text, f"{n:,}", shown, target, is_met


def page(totals: dict[str, Counter[str]], seconds: float) -> str:
    """The page as it is written."""
    lines = [
        "# How often the gate is wrong",
        "",
        "Simulated runs with a known truth, each judged by the gate as it ships (`evalkit.compare.gate.decide`): 200",
        "samples unless said otherwise, a baseline that is right on 70 %, a correlation of 0.5 between the two sides'",
        "answers, `min_delta: 5`, `alpha: 0.05`. In brackets the 95 % interval of the simulation itself (Wilson). In",
        "clusters the gain varies from cluster to cluster with a standard deviation of 20 points around none, and 30 %",
        "of the pairs disagree. At a true gain of exactly the bar about half of the runs ship, whatever the rule.",
        "",
        f"`python benchmarks/operating.py`, {seconds:.0f} s on two cores; seeded, so it gives the same figures again.",
        "",
        "| what happens | runs | how often | target | met |",
        "|---|---:|---|---|---|",
    ]
    found = list(rows(totals))
    missed = [row[0] for row in found if row[-1] == "**no**"]
    verdict = f"Missed: {'; '.join(missed)}." if missed else "Every target is met."
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in found), "", verdict, ""])


def main(arguments: Sequence[str]) -> int:
    """Simulates, prints and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="ten times as many runs")
    parser.add_argument("--only", default="", help="only worlds whose name holds this; the page is not written")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args(arguments)
    start = time.perf_counter()
    names = [name for name in dict.fromkeys(question.world for question in QUESTIONS) if asked.only in name]
    if not names:
        parser.error(f"no world is named '{asked.only}'; there are {', '.join(worlds())}")
    totals = simulate(names, 10 if asked.full else 1, asked.workers)
    text = page(totals, time.perf_counter() - start)
    print(text)
    if not asked.only:
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
