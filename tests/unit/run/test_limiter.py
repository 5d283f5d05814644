"""The pace against servers with limits, minute by minute on no clock at all: events in order of their time."""

import heapq
import itertools
import math
import random

import pytest

from evalkit.run.limiter import SHARE, WINDOW, Pace

REFUSAL_S = 0.02


class Bucket:
    """Takes `rate` requests a second, and `burst` at once when rested. Asks for whole seconds, as most servers do."""

    def __init__(self, rate, burst, *, says_when=True):
        self.rate, self.burst, self.says_when = rate, burst, says_when
        self.level, self.at = burst, 0.0

    def refuses(self, now):
        """None = taken; else the seconds asked for, or "" when it says nothing."""
        self.level, self.at = min(self.burst, self.level + (now - self.at) * self.rate), now
        if self.level >= 1.0:
            self.level -= 1.0
            return None
        return math.ceil((1.0 - self.level) / self.rate) if self.says_when else ""


class Window:
    """Takes so many requests in each window of so many seconds."""

    def __init__(self, count, seconds):
        self.count, self.seconds = count, seconds
        self.number, self.used = -1, 0

    def refuses(self, now):
        number = int(now // self.seconds)
        if number != self.number:
            self.number, self.used = number, 0
        self.used += 1
        return None if self.used <= self.count else (number + 1) * self.seconds - now


class Chance:
    """No limit; refuses one request in twenty all the same."""

    def __init__(self, seed):
        self.rng = random.Random(seed)  # noqa: S311 - a fixed draw

    def refuses(self, now):
        return 1.0 if self.rng.random() < 0.05 else None


def simulate(server, *, seconds, workers=64, seed=1):
    """(times of the answers, times of the refusals, pace) with as many requests as the pace lets through."""
    rng, order = random.Random(seed), itertools.count()  # noqa: S311 - a fixed draw
    pace, now, idle, coming = Pace(0.0), 0.0, workers, []
    answered, refused = [], []
    while now < seconds:
        while idle and pace.wait_s(now) <= 1e-9:
            number, idle = pace.send(now), idle - 1
            asked = server.refuses(now)
            after = rng.uniform(0.02, 0.05) if asked is None else REFUSAL_S
            heapq.heappush(coming, (now + after, next(order), number, asked))
        free_at = now + pace.wait_s(now) if idle else math.inf
        if not coming or coming[0][0] > free_at:
            now = free_at
            continue
        now, _, number, asked = heapq.heappop(coming)
        idle += 1
        if asked is None:
            pace.take()
            answered.append(now)
        else:
            pace.refuse(number, None if asked == "" else asked, now)
            refused.append(now)
    return answered, refused, pace


LIMITS = {
    "10 a second": (lambda: Bucket(10, 10), 10, 1200),
    "100 a second": (lambda: Bucket(100, 100), 100, 300),
    "100 a second, a minute saved up": (lambda: Bucket(100, 6000), 100, 300),
    "100 a second, hardly any burst": (lambda: Bucket(100, 10), 100, 600),
    "100 a second, says nothing": (lambda: Bucket(100, 100, says_when=False), 100, 300),
    "600 a minute": (lambda: Window(600, 60.0), 10, 1200),
    "100 each second": (lambda: Window(100, 1.0), 100, 300),
}


@pytest.mark.parametrize(("server", "limit_per_s", "seconds"), LIMITS.values(), ids=LIMITS)
def test_a_limit_is_used_and_kept(server, limit_per_s, seconds):
    answered, refused, _ = simulate(server(), seconds=seconds)
    assert len(answered) >= 0.9 * limit_per_s * seconds
    assert len(refused) <= 0.02 * (len(answered) + len(refused))


@pytest.mark.parametrize("seed", range(3))
def test_chance_slows_nothing_down(seed):
    answered, refused, pace = simulate(Chance(seed), seconds=6.0, workers=64, seed=seed)
    assert pace.is_free
    assert len(refused) > 300
    assert len(answered) >= 0.9 * 6.0 / 0.035 * 64


def test_a_limit_that_goes_is_forgotten():
    class Hiccup(Bucket):
        def refuses(self, now):
            return super().refuses(now) if now < 20.0 else None

    answered, _, pace = simulate(Hiccup(20, 20), seconds=240.0)
    usual = 64 / 0.035
    at = [sum(start <= moment < start + 5 for moment in answered) / 5 for start in (15, 80, 230)]
    assert at[0] <= 1.5 * 20
    assert at[1] >= 0.8 * 4 * 20, "four-fold within a minute"
    assert at[2] >= 0.8 * usual
    assert pace.is_free


def test_an_outage_of_refusals_is_made_up_for_within_a_minute():
    class Out:
        def refuses(self, now):
            return 1.0 if 10.0 < now < 20.0 else None

    answered, _, _ = simulate(Out(), seconds=90.0)
    before = sum(5 <= moment < 10 for moment in answered)
    after = sum(75 <= moment < 80 for moment in answered)
    assert after >= 0.8 * before


def known_limit():
    """A pace that has just reacted, at 1 s, to a wish for 7 s."""
    pace = Pace(0.0)
    numbers = [pace.send(n / 100) for n in range(100)]
    pauses = [pace.refuse(number, 7.0, 1.0) for number in numbers[50:]]
    return pace, pauses


def test_reacts_once_to_one_round_of_refusals():
    pace, pauses = known_limit()
    assert [pause for pause in pauses if pause is not None] == [7.0]
    assert pace.rate_per_s is not None


def test_leaves_an_endpoint_alone_for_as_long_as_it_asked():
    pace, _ = known_limit()
    assert pace.wait_s(1.0) == pytest.approx(7.0)
    assert pace.wait_s(7.9) == pytest.approx(0.1)
    assert pace.wait_s(8.0) == 0.0


def test_a_later_wish_for_more_is_granted_and_one_for_hours_is_not():
    pace, _ = known_limit()
    pace.refuse(3, 20.0, 2.0)
    assert pace.wait_s(2.0) == pytest.approx(20.0)
    pace.refuse(4, 86_400.0, 2.0)
    assert pace.wait_s(2.0) == pytest.approx(600.0)


def test_sends_one_at_a_time_once_there_is_a_limit():
    pace, _ = known_limit()
    pace.send(8.0)
    assert pace.wait_s(8.0) == pytest.approx(1.0 / pace.rate_per_s, rel=0.2)


def test_a_few_refusals_are_chance():
    pace = Pace(0.0)
    for n in range(int(WINDOW * SHARE) - 1):
        assert pace.refuse(pace.send(n * 0.01), 1.0, n * 0.01 + 0.02) is None
    assert pace.is_free
