"""docs/metrics.md has a row for every metric, and in it every option."""

import re
from pathlib import Path

import pytest

from evalkit.metrics.catalogue import known_types, option_names
from evalkit.metrics.normalize import NORMALISERS

TEXT = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
ROWS = {found[1]: found[0] for found in re.finditer(r"^\| `(\w+)`.*$", TEXT, re.MULTILINE)}
SAME = {"precision": "f1", "recall": "f1"}


def test_every_metric_has_a_row_and_every_row_a_metric():
    assert sorted(ROWS) == list(known_types())


@pytest.mark.parametrize("metric_type", known_types())
def test_the_row_names_every_option(metric_type):
    row = ROWS[SAME.get(metric_type, metric_type)]
    assert not [key for key in option_names(metric_type) - {"extract"} if f"`{key}`" not in row]


def test_every_normaliser_is_named():
    assert not [name for name in NORMALISERS if name not in TEXT]
