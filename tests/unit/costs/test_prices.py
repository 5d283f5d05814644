"""What a side's answers cost: every repeat is an answer, and what nobody counted is no zero."""

from evalkit.costs.prices import cost_summary
from evalkit.run.side_log import SideLog
from evalkit.types import ModelSpec, Price, Response, Scored, Usage

SCORE = Scored(metric="exact", value=1.0)
PRICE = Price(input=10.0, output=100.0, as_of="2026-11-01")
COUNTED = Usage(input_tokens=9, output_tokens=2)


def cost(samples, price=PRICE):
    spec = ModelSpec(role="baseline", backend="openai_compatible", price=price)
    log = SideLog(len(samples))
    for usages in samples:
        log.add([Response(text="red", finish="stop", usage=usage) for usage in usages], SCORE, spec)
    return cost_summary(log.paid, spec)


def told(found):
    return found["usd"], found["usd_per_1000"], found["input_tokens"], found["output_tokens"], found["note"]


def test_every_repeat_is_paid_for():
    # 9 tokens at 10 and 2 at 100 dollars a million: 0.00029 an answer, of which there are six.
    assert told(cost([[COUNTED] * 3, [COUNTED] * 3])) == (0.00174, 0.29, 54, 12, None)


def test_answers_nobody_counted_are_told_and_not_free():
    found = cost([[COUNTED], [Usage()], [Usage(input_tokens=9)]])
    assert told(found) == (0.00029, 0.29, 18, 2, "known of 1 of 3 answers: the others lack token counts")
    no_price = "unknown: the suite names no price for this model"
    partly = "tokens known of 1 of 2 answers: the others lack token counts"
    assert told(cost([[COUNTED], [Usage()]], None)) == (None, None, 9, 2, f"{no_price}; {partly}")


def test_what_no_answer_counts_is_unknown_and_no_zero():
    unknown = "unknown: the answers lack token counts"
    assert told(cost([[Usage(input_tokens=13)]] * 2)) == (None, None, 26, None, unknown)
    assert told(cost([[Usage()]])) == (None, None, None, None, unknown)
    assert told(cost([])) == (None, None, None, None, unknown)


def test_a_batch_says_what_it_costs_beside_what_is_not_counted():
    half = Price(input=5.0, output=50.0, batch_factor=0.5)
    assert cost([[COUNTED]], half)["note"] == "batch: half price"
    assert cost([[COUNTED], [Usage()]], half)["note"].startswith("batch: half price; known of 1 of 2 answers")
