"""What a run reads of a calibration that an older evalkit, or another program, has written."""

import pytest

from evalkit.judging.calibration_file import kept_of

WHOLE = {
    "schema": "evalkit.calibration/1",
    "judge_hash": "x",
    "at": "2026-01-01T00:00:00Z",
    "problems": [],
    "confusion": {"": {"tp": 50, "fn": 0, "fp": 0, "tn": 50}},
    "own": {},
}


@pytest.mark.parametrize(
    ("criteria", "figures"),
    [
        (None, ()),
        ([], ()),
        ([{"id": "right", "sensitivity": 0.5}], ("right: sensitivity 0.50",)),
        ([{"id": "right", "judge_people": None, "people": {}}], ("right: too few labels to tell",)),
    ],
)
def test_figures_that_are_missing_leave_the_gates_numbers_whole(criteria, figures):
    kept = kept_of({**WHOLE, "criteria": criteria})
    assert (kept.figures, kept.confusion[""].tp) == (figures, 50.0)


def test_numbers_of_the_gate_that_are_missing_are_a_damage():
    with pytest.raises(ValueError, match="damaged: KeyError at 'confusion'"):
        kept_of({name: value for name, value in WHOLE.items() if name != "confusion"})
