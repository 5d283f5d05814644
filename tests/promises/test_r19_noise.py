"""A model compared with itself: how often chance alone ships, what the interval holds, and the noise floor of a run."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from bench import label_of, number_in, scripted, side
from msgspec import Struct

from evalkit.cli.app import execute
from evalkit.compare.gate import Evidence, decide
from evalkit.compare.guards import Measured
from evalkit.stats.paired import tango_interval
from evalkit.testing import answers
from evalkit.types import GateSpec, ModelSpec, PrimarySpec, Suite
from evalkit.types.table import Column, ScoreTable, Tally

LEVELS = (0.05, 0.25, 0.50)
"""Shares of the samples on which two runs of one model disagree."""
RUNS = {50: 10_000, 200: 10_000, 1_000: 3_000}
"""Samples of a suite → simulated runs of it at each level."""
FEW = {(50, 0.05)}
"""Where two or three pairs disagree: see `test_the_interval_holds_no_difference_as_often_as_it_says`."""
EDGE = 1.6
"""Differences of fewer standard errors than this can neither ship (1.645) nor be excluded by the interval (1.960)."""

SUITE = Suite(
    name="a/a",
    path=Path("suite.yaml"),
    root=Path(),
    samples=(),
    dataset_path=Path("samples.jsonl"),
    dataset_sha256="0" * 64,
    is_locked=False,
    models={role: ModelSpec(role=role, backend="outputs") for role in ("baseline", "candidate")},
    metrics=(),
    gate=GateSpec(primary=PrimarySpec(metric="right")),
)


class Right(Struct, frozen=True):
    """The metric of columns that are drawn; only its name is used."""

    name: str = "right"

    def score(self, answer, sample):
        raise NotImplementedError


@cache
def verdict(n, improved, worsened):
    """(ships, its 95 % interval holds 0): the gate on a run of n pairs of which so many were gained and lost."""
    agreeing = n - improved - worsened
    base = np.repeat([0.0, 1.0, 1.0, 0.0], [improved, worsened, agreeing - agreeing // 3, agreeing // 3])
    cand = np.where(np.arange(n) < improved + worsened, 1.0 - base, base)
    sides = {"baseline": base, "candidate": cand}
    table = ScoreTable(
        suite="a/a",
        sample_ids=tuple(map(str, range(n))),
        columns={
            role: {"right": Column(values=values, is_scored=np.ones(n, dtype=np.bool_), why={})}
            for role, values in sides.items()
        },
        tallies={role: Tally(planned=n, ok=n) for role in sides},
        clusters=None,
        slices={},
        both_answered=n,
    )
    main = Measured(table=table, metrics={"right": Right()})
    found = decide(Evidence(suite=SUITE, main=main, guards={}, seed="fp1:0"))
    interval = found.primary.ci95
    return found.status == "ship", interval.low <= 0.0 <= interval.high


@cache
def simulated(n, level):
    """(share that ships, share whose interval holds 0) of so many A/A runs, and how many the gate itself was asked of.

    Right/wrong answers without clusters are judged by how many pairs were gained and lost, so equal counts are asked
    once; those near no difference by a sample, which has to show that none of them ships or is excluded.
    """
    rng = np.random.default_rng([n, round(100 * level)])
    drawn = rng.multinomial(n, [level / 2, level / 2, 1 - level], size=RUNS[n])[:, :2]
    kinds, times = np.unique(drawn, axis=0, return_counts=True)
    is_far = np.abs(kinds[:, 0] - kinds[:, 1]) > EDGE * np.sqrt(kinds.sum(axis=1))
    near = rng.permutation(np.flatnonzero(~is_far))[:20]
    assert {verdict(n, *map(int, kinds[i])) for i in near} == {(False, True)}
    ships = missed = 0
    for (improved, worsened), count in zip(kinds[is_far].tolist(), times[is_far].tolist(), strict=True):
        does_ship, holds = verdict(n, improved, worsened)
        ships, missed = ships + count * does_ship, missed + count * (not holds)
    return ships / RUNS[n], 1.0 - missed / RUNS[n]


@pytest.mark.parametrize("n", RUNS)
@pytest.mark.parametrize("level", LEVELS)
def test_a_model_against_itself_seldom_ships(n, level):
    ships, _ = simulated(n, level)
    assert ships <= 0.055
    if n <= 200 and level >= 0.25:
        assert ships >= 0.04, "here the bound alone keeps runs above 5 points from shipping"


@pytest.mark.parametrize("n", RUNS)
@pytest.mark.parametrize("level", LEVELS)
def test_the_interval_holds_no_difference_as_often_as_it_says(n, level):
    """From 94 to 96 of 100 times. With so few disagreeing pairs as 2.5 on average it is Tango's interval held more
    often: up to three pairs that all went one way are within two standard errors (the square root of three) of none,
    so that it never excludes 0 there. It errs on the careful side, and is told apart here instead of averaged away.
    """
    _, held = simulated(n, level)
    low, high = (0.97, 0.99) if (n, level) in FEW else (0.94, 0.96)
    drawn = 2 * (0.05 * 0.95 / RUNS[n]) ** 0.5  # two standard errors of the share itself: other draws would differ so
    assert low - drawn <= held <= high + drawn
    if (n, level) in FEW:
        assert verdict(n, 3, 0)[1]
        assert not verdict(n, 4, 0)[1]


def test_the_noise_floor_of_a_run_is_printed(bench, monkeypatch, capsys):
    """Asked again, the baseline gains four samples and loses two, all else equal."""
    monkeypatch.chdir(bench.folder)
    again = []

    def wavering(asked):
        number = number_in(asked)
        is_right = 2 <= number < 34 if again else number < 30
        return label_of(number) if is_right else label_of(number + 1)

    with scripted(0, 58, side("base", answers(wavering))) as server:
        suite = bench.write_suite(server.base_url, 60)
        assert execute(["run", str(suite)]) == 0
        assert "noise floor:" not in capsys.readouterr().out
        again.append(True)  # the first answers come from the cache, which the second ones are never taken from
        assert execute(["run", str(suite), "--noise-floor"]) == 0
    found = tango_interval(4, 2, 60, 0.95)
    told = (
        f"+3.3 points [\u2212{-100 * found.low:.1f}, +{100 * found.high:.1f}] on exact when the baseline is asked twice"
    )
    shown = " ".join(capsys.readouterr().out.split())
    assert f"noise floor: {told} (60 samples, 90.0 % of the answers equal)" in shown
