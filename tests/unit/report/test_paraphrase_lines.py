"""What `evalkit check` claims about paraphrases: no tick, and nothing of meaning, where something was left unread."""

import pytest

from evalkit.report.hygiene import check_result, check_text

ASKED = {
    "checked": True,
    "model": "meanings",
    "judge": "reader",
    "percentile": 99,
    "threshold": 0.8,
    "close_samples": 5,
    "pairs": 5,
    "verdicts": {"yes": 0, "no": 5, "unreadable": 0},
    "texts_cut": 0,
    "samples_without_text": 0,
}


@pytest.mark.parametrize(
    ("change", "mark", "is_claimed"),
    [
        ({}, "✔", True),
        ({"verdicts": {"yes": 0, "no": 0, "unreadable": 5}}, "!", False),
        ({"verdicts": {"yes": 0, "no": 4, "unreadable": 1}}, "!", False),
        ({"texts_cut": 9}, "!", False),
        ({"samples_without_text": 7}, "!", False),
        ({"judge": None, "verdicts": {}}, "!", False),
        ({"judge": None, "verdicts": {}, "close_samples": 0, "pairs": 0}, "✔", True),
        ({"judge": None, "verdicts": {}, "close_samples": 0, "pairs": 0, "texts_cut": 1}, "!", False),
        ({"verdicts": {"yes": 1, "no": 0, "unreadable": 4}}, "✖", False),
        ({"checked": False, "note": "there are too few samples"}, "–", False),
    ],
)
def test_what_was_not_read_is_not_ticked(change, mark, is_claimed):
    found = {"checked": True, "samples": 10, "dirty": 0, "suspect": 0, "semantic": ASKED | change}
    document = {"suite": "colours", "samples": 10, "contamination": found}
    (line,) = [line for line in check_text(document).splitlines() if "paraphrases and translations" in line]
    assert line.startswith(f"{mark} ")
    assert ("and meaning show" in check_result(document)) == is_claimed
