"""How fast one endpoint takes requests, learnt from its refusals (429, or 503 with a Retry-After).

Two things look alike at first: a server that has a limit, and one that refuses a few requests at random. The first
must be sent less, or everything is refused; the second must not, or a whole run waits for a few. What tells them
apart is the share: chance refuses one request in twenty, a limit refuses all that is too much. So nothing is slowed
down until a third of the last 32 replies are refusals. From then on every refusal counts: the endpoint is left alone
for as long as it asked, and then gets what it has really taken before, on average, a little less at first and then
slowly more (the shape of CUBIC, RFC 9438), until it refuses again or is forgotten to have a limit.
"""

from __future__ import annotations

from evalkit.run.retry import LONGEST_ASKED_S, backoff_s

WINDOW = 32
"""Replies that the share of refusals is taken over, newest weighing most."""
SHARE = 1.0 / 3.0
"""Above this share of refusals, there is a limit. Chance alone at 5 % gets there once in ten million replies."""
STEP_BACK = 0.85
"""Of the rate that was taken before, where sending goes on."""
PLATEAU_S = 15.0
"""Seconds until it is the rate that was taken before; from there on it grows faster and faster, 4-fold after 40 s."""
REQUESTS_PER_PLATEAU = 60
"""At low rates the plateau lasts this many requests: to look for more costs a refusal each time."""
DOUBLING_S = 4.0
"""Far below what was taken before, the rate doubles this often."""
FORGOTTEN_AFTER = 8.0
"""Plateaus without a refusal (two minutes) after which there is no limit any more; the rate is 50-fold by then."""
SAMPLE = 8
"""Requests that must have been taken for their rate to be believed, if it is less than half of the one believed."""
MOSTLY = 4.0
"""A rate is measured over the sending alone once that lasted so many times as long as the pause before it."""
LONGEST_UNASKED_S = 4.0
"""A server that asks for no pause gets 0.5 s, then 1, 2 and this long while it takes nothing."""
FRUITLESS_PER_S = 1.0
"""Pauses after which nothing is taken halve the rate down to this: they are no measure of it."""
SLOWEST_PER_S = 1.0 / 60.0
_RECENT_S = 10.0
_LATELY_S = 5.0
_SOON_S = 1e-3


class Pace:
    """When the next request may leave. Pure: it is told the time, in seconds of any one clock."""

    def __init__(self, now: float) -> None:
        self.is_free = True
        """Nothing needs to wait: no limit is known."""
        self.sent = 0
        self._share = 0.0
        self._mark = 0
        """Requests sent before the last reaction; their refusals are echoes of it."""
        self._since = now
        """When the last reaction was; while free, the start of the last seconds looked at."""
        self._refused = 0
        self._fruitless = 0
        self._taken_per_s = 0.0
        self._rate_per_s = 0.0
        self._grown_at = now
        self._plateau_from = now
        self._resume_at = now
        self._next_at = now
        self._looks = ((now, 0), (now, 0))
        """When it last looked how many requests had been sent, and how many: the look before the last, and the last."""

    @property
    def rate_per_s(self) -> float | None:
        """Requests a second it allows at the moment; None = as many as there are."""
        return None if self.is_free else self._rate_per_s

    def wait_s(self, now: float) -> float:
        """Seconds until another request may leave; 0 = it may now."""
        if self.is_free:
            return 0.0
        return max(0.0, self._resume_at - now, self._next_at - now)

    def send(self, now: float) -> int:
        """Notes that a request leaves and returns its number."""
        self.sent += 1
        if self.is_free:
            if now - self._since > _RECENT_S:
                self._begin(now)
        else:
            self._grow(now)
            # Late is late: a send that waited for its reader does not entitle to two at once.
            self._next_at = max(self._next_at, now) + 1.0 / self._rate_per_s
        return self.sent

    def take(self) -> None:
        """A request was not refused."""
        self._share -= self._share / WINDOW

    def refuse(self, number: int, asked_s: float | None, now: float) -> float | None:
        """Request `number` was refused, with a wish for a pause or without.

        Returns the seconds all sending pauses, None when this refusal gives no reason for that.
        """
        self._share += (1.0 - self._share) / WINDOW
        if number <= self._mark:
            if not self.is_free and asked_s is not None:
                self._resume_at = max(self._resume_at, now + min(asked_s, LONGEST_ASKED_S))
            return None
        self._refused += 1
        if self.is_free and self._share < SHARE:
            return None
        return self._react(asked_s, now)

    def _react(self, asked_s: float | None, now: float) -> float:
        """Pauses, and sets the rate to a little less than what was taken since the last reaction."""
        taken = self.sent - self._mark - self._refused
        self._fruitless = 0 if taken else self._fruitless + 1
        pause_s = min(
            LONGEST_ASKED_S, min(LONGEST_UNASKED_S, backoff_s(self._fruitless + 1, 1.0)) if asked_s is None else asked_s
        )
        elapsed = max(_SOON_S, now - self._since)
        if self.is_free:
            # A burst was only taken if the server's wish is granted afterwards. How much it takes for long, nobody
            # knows yet: from what it took of the burst the rate doubles up to that of the burst.
            self._taken_per_s = (taken + self._refused) / elapsed
            self._rate_per_s = STEP_BACK * taken / (elapsed + pause_s)
            self.is_free = False
        elif taken < SAMPLE:
            least = 0.0 if taken else min(FRUITLESS_PER_S, self._rate_per_s)
            self._rate_per_s = max(least, self._rate_per_s / 2.0)
            if taken:
                self._taken_per_s = self._rate_per_s
        elif now - self._resume_at < MOSTLY * (self._resume_at - self._since):
            # Right after a pause the server takes what it saved up meanwhile. The truth is somewhere between the
            # rate with the pause counted and the one that was refused.
            self._taken_per_s = self._rate_per_s
            self._rate_per_s = min(self._rate_per_s, STEP_BACK * taken / elapsed)
        else:
            self._taken_per_s = self._taken(taken, now)
            self._rate_per_s = STEP_BACK * self._taken_per_s
        self._rate_per_s = max(SLOWEST_PER_S, self._rate_per_s)
        self._begin(now)
        self._resume_at = self._grown_at = self._plateau_from = self._next_at = now + pause_s
        return pause_s

    def _taken(self, taken: int, now: float) -> float:
        """The rate the server takes for long, from what it took since the pause."""
        if self._rate_per_s < STEP_BACK * self._taken_per_s:  # while doubling, that is the last rate
            return self._rate_per_s
        # It refused the end of the plateau, whose mean lies a little below its end.
        mean = taken / (now - self._resume_at) / (1.0 - (1.0 - STEP_BACK) / 4.0)
        # Or the end of a climb far above it, whose mean says little: the limit has risen, to what was taken at last.
        at, sent = self._looks[0]
        lately = (self.sent - sent - self._refused) / max(_SOON_S, now - at)
        return min(self._rate_per_s, max(mean, STEP_BACK * lately))

    def _begin(self, now: float) -> None:
        self._mark, self._since, self._refused = self.sent, now, 0
        self._looks = ((now, self.sent), (now, self.sent))

    def _grow(self, now: float) -> None:
        usual = STEP_BACK * self._taken_per_s
        if self._rate_per_s < usual:
            self._rate_per_s = min(usual, self._rate_per_s * 2.0 ** ((now - self._grown_at) / DOUBLING_S))
            self._plateau_from = now
        else:
            plateau_s = max(PLATEAU_S, REQUESTS_PER_PLATEAU / self._taken_per_s)
            progress = (now - self._plateau_from) / plateau_s - 1.0
            self._rate_per_s = max(self._rate_per_s, self._taken_per_s * (1.0 + (1.0 - STEP_BACK) * progress**3))
            if progress > FORGOTTEN_AFTER - 1.0:
                self.is_free = True
                self._begin(now)
        self._grown_at = now
        if now - self._looks[1][0] >= max(_LATELY_S, SAMPLE / self._rate_per_s):
            self._looks = (self._looks[1], (now, self.sent))
