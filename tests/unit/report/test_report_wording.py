"""Sentences that several renderings share, as a stranger reads them."""

from evalkit.report.baselines import noise_words
from evalkit.report.exports.model_card import render_model_card
from evalkit.report.markdown import render_markdown
from evalkit.report.mix import MOST, mix_words
from evalkit.report.payback import payback_line, payback_sentences
from evalkit.report.terminal import summary

MIX = {"weights": {"lang=de": 0.7, "lang=en": 0.3}, "pooled_points": 3.0}
FLOOR = {"metric": "f1", "delta_points": 1.0, "ci95_points": [-2, 4], "n": 100, "equal_answers": 0.97}
PAID = {"payback": {"words": "after 29.7 days", "asked_days": 90}}


def test_the_production_mix_is_said_in_the_terminal_and_in_the_summary(documents):
    verdict = documents.make_verdict("ship") | {"slice_summary": MIX}
    shown = " ".join(summary(verdict, color=False, width=80).split())
    assert f"exact is {mix_words(verdict)}" in shown
    assert "lang=de 70.0 %, lang=en 30.0 %; as the samples are mixed it would be +3.0 points" in shown
    assert "as the traffic is mixed: lang=de 70.0 %" in render_markdown(verdict)
    plain = documents.make_verdict("ship") | {"slice_summary": MIX | {"weights": None}}
    assert mix_words(plain) == ""
    assert "mixed" not in summary(plain, color=False, width=80)


def test_a_mix_of_many_slices_is_cut_short():
    weights = {f"part={i}": 0.05 for i in range(20)}
    told = mix_words({"slice_summary": {"weights": weights}})
    assert told.count("part=") == MOST
    assert told.endswith("and 8 more")


def test_the_noise_floor_names_its_metric_and_of_several_its_baseline():
    assert "on f1 when the baseline is asked twice" in noise_words(
        {"noise_floor": FLOOR, "baselines": {"baseline": {}}}
    )
    several = {"noise_floor": FLOOR, "baselines": {"prompt": {}, "production": {}}}
    assert "on f1 when the baseline prompt is asked twice" in noise_words(several)


def test_the_payback_names_the_baseline_it_is_about_where_there_are_several():
    several = {"cost": PAID, "against": "production", "baselines": {"prompt": {}, "production": {}}}
    assert payback_line(several).startswith("against production: paid back after 29.7 days")
    assert payback_sentences(several)[0].startswith("Against production: ")
    alone = several | {"baselines": {"production": {}}}
    assert payback_line(alone).startswith("paid back after")
    assert "production" not in " ".join(payback_sentences(alone))


def test_a_difference_corrected_by_people_is_said_to_be_wherever_it_is_printed(documents):
    note = "corrected for the errors of the judge reply: +11.0 points as it graded, +8.5 points by people's labels"
    verdict = documents.make_verdict("ship")
    first, *rest = verdict["metrics"]
    asked = verdict | {"metrics": [first | {"method": "ppi++", "note": note}, *rest]}
    sentence = f"{first['metric']} is {note}"
    assert sentence in " ".join(summary(asked, color=False, width=80).split())
    assert sentence in render_markdown(asked)
    assert f"{sentence}." in render_model_card(asked, {})
    assert "as it graded" not in summary(verdict, color=False, width=80) + render_markdown(verdict)
