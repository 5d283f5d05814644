"""The probe at the start against servers that do not answer it: short, and it never claims to have seen anything."""

import asyncio
import contextlib
import time

import pytest
from engines import Scripted, part
from msgspec import Struct, structs

from evalkit.errors import (
    AuthFailed,
    BackendError,
    BadRequest,
    ConnectionLost,
    ExecutionError,
    InvalidEvidence,
    ModelNotFound,
    Overloaded,
    RateLimited,
    TimedOut,
)
from evalkit.jobs.running.two_models import probed
from evalkit.run.plan import Part
from evalkit.run.probe import ENOUGH, PROBES, probe
from evalkit.run.progress import Progress
from evalkit.run.spending import Limits, Spending
from evalkit.store.cache import Cache
from evalkit.types import Price, RunSpec, Sample

PRICE = Price(input=1.0, output=1.0)


class _Suite(Struct):
    samples: tuple[Sample, ...]
    run: RunSpec = RunSpec(timeout_s=30.0)
    baselines: tuple[str, ...] = ("baseline",)

    def against(self, _baseline):
        return self


class _Journal(dict):
    meta = dict.get
    set_meta = dict.update


def work(backend):
    made = part(backend, n=40)
    samples = tuple(
        Sample(id=f"{i} is what a chatty model would have said to this question", fields={}) for i in range(40)
    )
    return Part(suite=_Suite(samples=samples), sides=made.sides)


def asked(work, spending=None, cache=None, progress=None):
    return asyncio.run(probe(work, spending or spent(), cache, progress or Progress()))


def spent(**caps):
    return Spending(Limits(concurrency=4, timeout_s=30.0, **caps))


def remembered(work, journal):
    return asyncio.run(probed(work, journal, None, spent(), Progress()))["baseline"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AuthFailed("HTTP 401: wrong key", status=401), "the server refused access: HTTP 401: wrong key"),
        (ModelNotFound("HTTP 404: no such model", status=404), "the first request was refused: HTTP 404: no such"),
    ],
)
def test_what_every_request_would_meet_ends_the_run_at_the_first_one(error, words):
    backend = Scripted(errors={"*": lambda: error})
    with pytest.raises(ExecutionError, match=words):
        asked(work(backend))
    assert len(backend.asked) == 2, "one a side"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimedOut("no answer within 300 s"), "not answered in time"),
        (RateLimited("slow down", status=429, retry_after_s=60.0), "not answered for now"),
        (ConnectionLost("refused"), "not answered for now"),
        (Overloaded("down", status=503), "not answered for now"),
    ],
)
def test_a_server_that_is_late_or_not_there_is_asked_once_a_side_and_left_to_the_run(error, words):
    backend = Scripted(errors={"*": lambda: error})
    seen = asked(work(backend))
    assert len(backend.asked) == 2
    assert (seen.n, seen.differing, seen.is_cut_short) == (0, 0, True)
    assert words in seen.caution


def test_a_probe_that_ended_early_refuses_nothing_and_is_made_again_when_the_run_is_resumed():
    journal = _Journal()
    second = work(Scripted()).suite.samples[40 // PROBES].id
    seen = remembered(work(Scripted(errors={second: lambda: TimedOut("too late")})), journal)
    assert (seen.n, seen.differing, seen.is_cut_short) == (1, 0, True)
    assert "ended early" in seen.note
    with pytest.raises(InvalidEvidence, match="all 20 probe prompts"):
        remembered(work(Scripted()), journal)


@pytest.mark.parametrize("comparable", [1, ENOUGH - 1, ENOUGH])
def test_one_model_is_only_said_of_enough_prompts_that_both_answered(comparable):
    journal, samples = _Journal(), work(Scripted()).suite.samples
    failing = [sample.id for sample in samples[:: 40 // PROBES]][comparable:]
    broken = work(Scripted(errors={name: lambda: BadRequest("not this one") for name in failing}))
    if comparable >= ENOUGH:
        with pytest.raises(InvalidEvidence, match=f"all {ENOUGH} probe prompts"):
            remembered(broken, journal)
        return
    seen = remembered(broken, journal)
    assert (seen.n, seen.differing) == (comparable, 0)
    assert "it takes 10 such prompts" in seen.caution
    assert not journal, "a resumed run asks again"


@pytest.mark.parametrize("cap", [0, 1])
def test_caps_that_leave_no_room_are_kept_and_told(cap):
    backend, spending = Scripted(), spent(max_requests=cap)
    seen = asked(work(backend), spending)
    assert backend.asked == []
    assert "caps" in seen.caution
    assert (spending.reached() is None) == (cap == 1), "the one request is left for the run"


def test_the_probe_stops_where_a_cap_is_reached_and_what_it_spent_stays_spent():
    backend, spending = Scripted(), spent(max_requests=7)
    seen = asked(work(backend), spending)
    assert (len(backend.asked), seen.n, seen.is_cut_short) == (6, 3, True)
    assert spending.reached() is None
    spending.send()
    assert spending.reached() is not None


@pytest.mark.parametrize("cap", [{"max_tokens": 40}, {"max_usd": 1e-9}])
def test_its_tokens_count_too(cap):
    backend = Scripted()
    sides = {r: structs.replace(s, spec=structs.replace(s.spec, price=PRICE)) for r, s in work(backend).sides.items()}
    seen = asked(structs.replace(work(backend), sides=sides), spent(**cap))
    assert seen.is_cut_short
    assert len(backend.asked) <= 4, "15 tokens an answer"


@pytest.mark.parametrize(("at", "error"), [(0, BackendError("odd one")), (2, ModelNotFound("no such page"))])
def test_what_one_prompt_meets_does_not(at, error):
    backend = Scripted(errors={work(Scripted()).suite.samples[at].id: lambda: error})
    with pytest.raises(Exception, match="all 19 probe prompts"):
        asked(work(backend))


def test_a_probe_that_nobody_answered_is_made_again_when_the_run_is_resumed():
    journal, down = _Journal(), Scripted(errors={"*": lambda: Overloaded("down")})
    assert remembered(work(down), journal).n == 0
    with pytest.raises(InvalidEvidence, match="all 20 probe prompts"):
        remembered(work(Scripted()), journal)


def test_a_probe_that_saw_two_models_is_remembered():
    journal, up = _Journal(), work(Scripted())
    cand = structs.replace(up.sides["candidate"], backend=Scripted(errors={}))
    cand.backend.answer = _other
    differing = Part(suite=up.suite, sides={**up.sides, "candidate": cand})
    progress = Progress()
    first = asyncio.run(probed(differing, journal, None, spent(), progress))["baseline"]
    assert {role for role, side in progress.sides.items() if side.is_proven} == {"baseline", "candidate"}
    assert first.differing == 1
    assert first.caution is None
    assert remembered(up, journal) == first


def test_only_a_side_that_answered_what_was_sent_is_proven(tmp_path):
    def proven(candidate, cache):
        made, progress = work(Dated()), Progress()
        side = structs.replace(made.sides["candidate"], backend=candidate)
        asked(structs.replace(made, sides=made.sides | {"candidate": side}), cache=cache, progress=progress)
        return {role for role, found in progress.sides.items() if found.is_proven}

    lost = Scripted(errors={"*": lambda: ConnectionLost("refused")})
    other = Dated()
    other.answer = _other
    assert proven(lost, None) == {"baseline"}
    with contextlib.closing(Cache(tmp_path / "cache.sqlite")) as cache:
        assert proven(other, cache) == {"baseline", "candidate"}
        assert proven(lost, cache) == set(), "the cache had all answers"


class Dated(Scripted):
    """Its answers may be cached."""

    async def answer(self, request):
        return structs.replace(await super().answer(request), at=time.time())


async def _other(request):
    return structs.replace(await Dated().answer(request), text="something else")
