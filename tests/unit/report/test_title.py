"""How the two sides are called."""

import pytest

from evalkit.report.title import sides

NAMED = {"served_model": "tiny"}


@pytest.mark.parametrize(
    ("candidate", "called"),
    [
        (NAMED, "tiny"),
        (NAMED | {"adapter_sha256": "0123456789abcdef"}, "tiny + adapter 01234567"),
        ({"served_model": None, "is_fixed": True, "weights_sha256": "89abcdef01234567"}, "recorded answers 89abcdef"),
        ({"served_model": "gpt-x", "is_fixed": True, "weights_sha256": "89abcdef01234567"}, "gpt-x"),
        ({"served_model": None, "is_fixed": False, "weights_sha256": "89abcdef01234567"}, "model not known"),
        ({}, "model not known"),
    ],
)
def test_a_side_is_called_by_its_model_or_by_what_was_recorded(candidate, called):
    assert sides({"identity": {"baseline": NAMED, "candidate": candidate}}) == ("tiny", called)
