"""The live line: what it says while a run waits, and when it dares to guess how long it takes."""

import re
import time

import pytest

from evalkit.cli import progress as live
from evalkit.cli.output import Output
from evalkit.cli.progress import Display, Speed
from evalkit.run.progress import Progress, Wait


@pytest.fixture
def shown(monkeypatch):
    """A display off a terminal whose clock stands where the test puts it, over 2 x 1,000 requests."""
    progress = Progress()
    display = Display(Output(), progress)
    for role in ("baseline", "candidate"):
        progress.side(role).planned = 1000
    moment = [display._started]
    monkeypatch.setattr(live.time, "monotonic", lambda: moment[0])

    def at(seconds, answered):
        moment[0] = display._started + seconds
        progress.side("baseline").answered = answered
        return display._line()

    at(0.0, 0)
    return at, progress


def test_no_time_is_guessed_before_enough_is_known(shown):
    at, _ = shown
    assert "left" not in at(1.0, 50)
    assert "left" not in at(6.0, 0)
    at, _ = shown
    assert "left" not in at(7.0, 19)
    assert "left" in at(8.0, 60)


def test_the_guess_follows_the_speed_of_late():
    speed = Speed()
    speed.of(0.0, 0)
    for second in range(1, 61):
        speed.of(float(second), 0)  # a minute for the first answer
    for second in range(61, 181):
        _, per_s = speed.of(float(second), 10 * (second - 60))
    assert 8.0 < per_s <= 10.0


def test_the_line_says_what_is_waited_for(shown):
    at, progress = shown
    at(5.0, 40)
    told = []
    progress.on_note = told.append
    progress.wait("candidate (https://h/v1)", Wait(until=time.time() + 600.0, why="the server asked for 600 s (429)"))
    line = at(10.0, 80)
    expected = r"; candidate \(https://h/v1\): the server asked for 600 s \(429\), waiting until \d\d:\d\d:\d\d$"
    assert re.search(expected, line)
    assert "left" not in line  # nobody knows
    assert told == [line.partition("; ")[2]]


def test_a_run_that_waits_still_speaks(monkeypatch, capsys):
    monkeypatch.setattr(live, "LINE_S", 0.05)
    monkeypatch.setattr(live, "LOOK_S", 0.01)
    progress = Progress()
    progress.side("baseline").planned = 10
    with Display(Output(), progress):
        progress.wait("baseline", Wait(until=time.time() + 600.0, why="the server asked for 600 s (429)"))
        lines, until = [], time.monotonic() + 30
        while len(lines) < 2 and time.monotonic() < until:
            time.sleep(0.05)
            lines += [line for line in capsys.readouterr().err.splitlines() if "baseline 0/10" in line]
    assert len(lines) >= 2
    assert all("asked for 600 s" in line for line in lines)


def test_quiet_is_quiet(monkeypatch, capsys):
    monkeypatch.setattr(live, "LINE_S", 0.01)
    monkeypatch.setattr(live, "LOOK_S", 0.01)
    progress = Progress()
    progress.side("baseline").planned = 10
    with Display(Output(is_quiet=True), progress):
        time.sleep(0.1)
    assert not capsys.readouterr().err
