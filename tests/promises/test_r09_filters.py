"""A provider's filter may withhold an answer by an error or by an answer without words: one outcome, one treatment."""

import pytest
from bench import number_in, right_below, side
from vendors import FILTERED, entries, run_here, set_keys

from evalkit.testing import Behaviour, Rule, ScriptedServer, answers, fails

BY_ANSWER = answers("", finish_reason="content_filter")
BY_ERROR = {vendor: Behaviour(status=400, body=body) for vendor, body in FILTERED.items()}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    set_keys(monkeypatch)


def verdict(bench, vendor, blocked, withheld):
    rule = Rule(behaviour=withheld, match=blocked)
    rules = [rule, side("base", answers(right_below(60))), side("tuned", answers(right_below(90)))]
    with ScriptedServer(rules) as server:
        suite = bench.write_suite(server.base_url, 100, models=entries(vendor, server.base_url, allow_http=True))
        document, _ = run_here(suite, use_cache=False)
    return document


def told(document):
    """What a verdict says of the answers, but for what the errors were called."""
    sides = {
        role: {name: count for name, count in found.items() if name not in {"kinds", "examples"}}
        for role, found in document["outcomes"].items()
    }
    return (
        document["verdict"],
        [(reason["code"], reason["detail"]) for reason in document["reasons"]],
        document["coverage"],
        sides,
    )


def fourth(asked):
    return number_in(asked) % 4 == 0


@pytest.mark.parametrize(
    ("vendor", "blocked", "ending"),
    [
        ("openai_compatible", fourth, ("inconclusive", "MISSING_COULD_DECIDE")),
        ("anthropic", fourth, ("inconclusive", "MISSING_COULD_DECIDE")),
        (
            "openai_compatible",
            lambda asked: fourth(asked) and asked.model == "tuned",
            ("inconclusive", "MISSING_COULD_DECIDE"),
        ),
        ("openai_compatible", lambda asked: asked.model == "base", ("invalid", "TOO_FEW_SAMPLES")),
        ("openai_compatible", lambda _: True, ("invalid", "NO_TEXT")),
    ],
    ids=["some of both", "some of both, Anthropic", "some of one side", "all of one side", "everything"],
)
def test_both_ways_of_a_filter_lead_to_one_verdict(bench, vendor, blocked, ending):
    by_answer, by_error = (verdict(bench, vendor, blocked, one) for one in (BY_ANSWER, BY_ERROR[vendor]))
    assert told(by_answer) == told(by_error)
    assert by_error["verdict"] == ending[0]
    assert ending[1] in {reason["code"] for reason in by_error["reasons"]}


def test_a_filter_that_refuses_with_a_403_does_not_end_the_run_as_a_wrong_key_does(bench):
    flagged = fails(403, 'Your chosen model requires moderation and your input was flagged for "violence"')
    document = verdict(bench, "openai_compatible", lambda asked: number_in(asked) == 7, flagged)
    assert document["verdict"] == "ship"
    assert document["outcomes"]["candidate"]["refused"] == 1
