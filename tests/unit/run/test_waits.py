"""That a run waits, for which side, why and until when, is told: the person in front of it can act on it."""

import re

import pytest
from engines import Scripted, part, run

from evalkit.errors import AuthFailed, BadRequest, Overloaded, RateLimited
from evalkit.run.progress import Progress, Wait
from evalkit.run.turnstile import why_wait
from evalkit.testing import VirtualClock

BOTH = "baseline and candidate (http://x)"


def refused(asked_s):
    """The notes of a run whose server refuses every request, and whose first 20 requests are all there is."""
    clock, notes = VirtualClock(), []
    progress = Progress(on_note=notes.append)
    backend = Scripted(errors={"*": lambda: RateLimited("slow down", retry_after_s=asked_s)})
    run(None, part(backend, n=10, endpoint="http://x"), clock=clock, progress=progress)
    return notes, progress


@pytest.mark.parametrize(
    ("asked_s", "why"),
    [
        (600.0, "the server asked for 600 s (429)"),
        (7200.0, "the server asked for 7200 s (429), of which evalkit waits 600 s"),
    ],
)
def test_a_refusal_is_told_with_side_reason_and_time(asked_s, why):
    notes, progress = refused(asked_s)
    assert notes[0].startswith(f"{BOTH}: {why}, waiting until ")
    assert re.search(r"waiting until \d\d:\d\d:\d\d$", notes[0])
    assert progress.waits[BOTH].why == why


def test_few_requests_that_all_wait_for_another_attempt_are_told_once():
    # Too few refusals for a limit to be recognised: no pause of the endpoint, each request waits by itself.
    clock, notes = VirtualClock(), []
    backend = Scripted(errors={"*": [RateLimited("slow down", retry_after_s=500.0)] * 2})  # both sides, once each
    run(None, part(backend, n=2, endpoint="http://x"), clock=clock, progress=Progress(on_note=notes.append))
    assert len(notes) == 1
    assert "asked for 500 s" in notes[0]


def test_a_wait_is_over_when_its_time_has_come():
    progress = Progress()
    progress.wait("candidate", Wait(until=100.0, why="the server asked for 60 s (429)"))
    assert list(progress.waiting(99.0)) == ["candidate"]
    assert not progress.waiting(100.0)


def test_every_reason_to_wait_has_words():
    assert why_wait(Overloaded("busy", status=503)) == "the server refuses for now (503)"
    assert why_wait(BadRequest("no route to host")) == "the last attempt failed (no route to host)"


def test_errors_that_end_a_run_name_side_endpoint_and_last_reason():
    key = Scripted(errors={"*": lambda: AuthFailed("HTTP 401: no such key", status=401)})
    _, error = run(None, part(key, endpoint="http://x"))
    assert str(error) == f"{BOTH}: the server refused access: HTTP 401: no such key"
    bad = Scripted(errors={"*": lambda: BadRequest("HTTP 400: no such field", status=400)})
    _, error = run(None, part(bad, n=50, endpoint="http://x"))
    assert str(error) == f"{BOTH}: 20 attempts in a row failed, the last one with: HTTP 400: no such field"
    _, error = run(None, part(bad, n=50))
    assert str(error).startswith("baseline and candidate: 20 attempts")
