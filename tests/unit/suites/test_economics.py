"""`economics:` as a spec: defaults, bounds, and what it says too little of."""

import pytest

from evalkit.errors import UsageError
from evalkit.types import EconomicsSpec

PRICED = [f"models.{role}.price={{input: 1, output: 2}}" for role in ("baseline", "candidate")]
WHOLE = "economics={requests_per_day: 10000, training_usd: 200, tuning_hours: 10, usd_per_hour: 100}"


def test_the_section_is_read_with_its_defaults_and_its_line(folder):
    folder.edit("gate:\n", "economics: {requests_per_day: 10000, training_usd: 0, hosting_usd_per_day: -3.5}\ngate:\n")
    found = folder.load().economics
    assert found == EconomicsSpec(requests_per_day=10_000, training_usd=0.0, hosting_usd_per_day=-3.5, line=found.line)
    assert (found.maintenance_share, found.max_payback_days, found.tuning_hours) == (0.2, 90.0, None)
    text = (folder.path / "suite.yaml").read_text().splitlines()
    assert text[found.line - 1].startswith("economics:")


def test_no_section_is_none_and_a_section_may_be_null(folder):
    assert folder.load().economics is None
    assert folder.load(overrides=["economics=null"]).economics is None


@pytest.mark.parametrize(
    "bad",
    ["requests_per_day: -1", "training_usd: 1e13", "maintenance_share: 1.5", "usd_per_hour: '9'"],
)
def test_bad_figures_are_refused_at_their_place(folder, bad):
    folder.edit("gate:\n", f"economics: {{{bad}}}\ngate:\n")
    with pytest.raises(UsageError, match=rf"suite.yaml:\d+:\d+: economics.{bad.partition(':')[0]}"):
        folder.load()
    folder.edit(bad, "request_per_day: 5")
    with pytest.raises(UsageError, match="did you mean 'requests_per_day'"):
        folder.load()


def test_the_intent_cost_is_no_longer_refused(folder):
    suite = folder.load(overrides=["gate.intent=cost", WHOLE, *PRICED])
    assert suite.gate.intent == "cost"
    assert suite.warnings == ()


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        (["gate.intent=cost", *PRICED], "Without economics, gate.intent: cost cannot end in SHIP"),
        (
            ["gate.intent=cost", WHOLE, PRICED[0]],
            "Without models.candidate.price, gate.intent: cost cannot end in SHIP",
        ),
        ([WHOLE, PRICED[1]], "Without models.baseline.price, no payback can be worked out"),
        (["economics={training_usd: 1}", *PRICED], "Without economics.requests_per_day, no payback"),
        (["economics={requests_per_day: 1}", *PRICED], "Without economics.training_usd (or tuning_hours,"),
        (
            ["economics={requests_per_day: 1, labelling_hours: 5}", *PRICED],
            "Without economics.usd_per_hour, no payback",
        ),
    ],
)
def test_what_is_missing_is_said_before_anything_is_asked(folder, overrides, told):
    (warning,) = folder.load(overrides=overrides).warnings
    assert warning.startswith(told)


def test_hours_of_nothing_need_no_rate_and_other_suites_need_no_economics(folder):
    stated = "economics={requests_per_day: 1, training_usd: 5, tuning_hours: 0, labelling_hours: 0}"
    assert folder.load(overrides=[stated, *PRICED]).warnings == ()
    assert folder.load().warnings == ()
