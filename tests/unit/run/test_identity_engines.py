"""Sides on one engine of several adapters: same model, same endpoint, and yet two models."""

from pathlib import Path

import pytest
from engines import Scripted, part
from msgspec import structs

from evalkit.errors import InvalidEvidence
from evalkit.run.identity import (
    claims_other_weights,
    doubled_starts,
    refuse_one_model,
    served_mismatch,
    unequal_temperature,
)
from evalkit.run.plan import Part
from evalkit.types import ModelIdentity


def on_one_engine(adapter, *, served="tuned", **facts):
    """Base and adapter behind one endpoint that proves no digests."""
    made = part(Scripted())
    identity = ModelIdentity(endpoint="http://127.0.0.1:8000/v1", served_model="base")
    base = structs.replace(made.sides["baseline"], identity=identity)
    base = structs.replace(base, spec=structs.replace(base.spec, model="base"))
    tuned = structs.replace(identity, served_model=served, facts=facts)
    cand = structs.replace(base, spec=structs.replace(base.spec, role="candidate", adapter=adapter), identity=tuned)
    return Part(suite=made.suite, sides={"baseline": base, "candidate": cand})


def test_an_adapter_makes_it_two_models():
    refuse_one_model(on_one_engine(Path("adapter")))
    assert claims_other_weights(on_one_engine(Path("adapter")))


def test_without_one_they_are_the_same():
    with pytest.raises(InvalidEvidence, match="the same model with the same prompt"):
        refuse_one_model(on_one_engine(None))
    assert not claims_other_weights(on_one_engine(None))


def test_an_adapter_answers_under_its_own_name():
    work = on_one_engine(Path("adapter"))
    assert served_mismatch(work, {"baseline": ["base"], "candidate": ["tuned"]}) is None
    found = served_mismatch(work, {"baseline": ["base"], "candidate": ["base"]})
    assert found == "the candidate asked for 'tuned' and was answered by 'base'"


def test_a_doubled_start_is_told():
    (told,) = doubled_starts(on_one_engine(Path("adapter"), starts_twice=True, prompt_first_tokens=[1, 1, 7]))
    assert "candidate: the engine begins every prompt with the same token twice (token ids [1, 1, 7])" in told
    assert not list(doubled_starts(on_one_engine(Path("adapter"), starts_twice=False)))


class _Body:
    def __init__(self, body):
        self.body = body

    def wire(self, _):
        return self.body


def bodies(base, tuned, backend="anthropic"):
    made = part(Scripted())
    sides = {
        role: structs.replace(
            made.sides[role],
            backend=_Body(body),
            spec=structs.replace(made.sides[role].spec, backend=backend, model=f"claude-{role}"),
        )
        for role, body in (("baseline", base), ("candidate", tuned))
    }
    return Part(suite=made.suite, sides=sides)


def test_a_side_whose_model_takes_no_temperature_is_told():
    (told,) = unequal_temperature(bodies({"temperature": 0.0}, {"model": "x"}))
    assert told == (
        "the candidate is asked without a temperature, which 'claude-candidate' does not take, and the baseline at 0: "
        "its answers vary more from one run to the next"
    )


def test_sides_asked_alike_are_not():
    assert not list(unequal_temperature(bodies({"temperature": 0.0}, {"temperature": 0.0})))
    assert not list(unequal_temperature(bodies({}, {})))
    assert not list(unequal_temperature(bodies({"temperature": 0.0}, {"sampling": {}}, backend="plug-in")))
