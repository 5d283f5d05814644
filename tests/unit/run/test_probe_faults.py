"""The probe at the start against servers that do not answer it: short, and it never claims to have seen anything."""

import asyncio

import pytest
from engines import Scripted, part
from msgspec import Struct, structs

from evalkit.errors import AuthFailed, BackendError, InvalidEvidence, Overloaded, TimedOut
from evalkit.jobs.running.two_models import probed
from evalkit.run.identity import PROBES, probe
from evalkit.run.plan import Part
from evalkit.run.progress import Progress
from evalkit.types import RunSpec, Sample


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


@pytest.mark.parametrize("error", [AuthFailed("wrong key", status=401), TimedOut("no answer within 300 s")])
def test_what_all_prompts_would_meet_ends_the_probe_at_once(error):
    backend = Scripted(errors={"*": lambda: error})
    seen = asyncio.run(probe(work(backend)))
    assert len(backend.asked) <= 2
    assert (seen.n, seen.differing) == (0, 0)
    assert seen.note == "none of the probe's prompts was answered by both sides"


@pytest.mark.parametrize("error", [AuthFailed("wrong key", status=401), TimedOut("no answer within 300 s")])
def test_a_probe_that_ended_early_refuses_nothing_and_is_made_again_when_the_run_is_resumed(error):
    journal = _Journal()
    second = work(Scripted()).suite.samples[40 // PROBES].id
    cut = work(Scripted(errors={second: lambda: error}))
    seen = asyncio.run(probed(cut, journal, None, Progress()))["baseline"]
    assert (seen.n, seen.differing, seen.is_cut_short) == (1, 0, True)
    assert "ended early" in seen.note
    with pytest.raises(InvalidEvidence, match="all 20 probe prompts"):
        asyncio.run(probed(work(Scripted()), journal, None, Progress()))


def test_what_one_prompt_meets_does_not():
    backend = Scripted(errors={work(Scripted()).suite.samples[0].id: lambda: BackendError("odd one")})
    with pytest.raises(Exception, match="all 19 probe prompts"):
        asyncio.run(probe(work(backend)))


def test_a_probe_that_nobody_answered_is_made_again_when_the_run_is_resumed():
    journal, down = _Journal(), Scripted(errors={"*": lambda: Overloaded("down")})
    assert asyncio.run(probed(work(down), journal, None, Progress()))["baseline"].n == 0
    with pytest.raises(Exception, match="all 20 probe prompts"):
        asyncio.run(probed(work(Scripted()), journal, None, Progress()))


def test_a_probe_that_saw_two_models_is_remembered():
    journal, up = _Journal(), work(Scripted())
    cand = structs.replace(up.sides["candidate"], backend=Scripted(errors={}))
    cand.backend.answer = _other
    differing = Part(suite=up.suite, sides={**up.sides, "candidate": cand})
    first = asyncio.run(probed(differing, journal, None, Progress()))
    assert first["baseline"].differing == 1
    assert asyncio.run(probed(up, journal, None, Progress())) == first


async def _other(request):
    return structs.replace(await Scripted().answer(request), text="something else")
