"""A check of somebody else that fails: the message names its package and its place in suite.yaml."""

from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.plugins import inspected
from evalkit.types import CheckSpec

ODD = """\
class Odd:
    def __init__(self, spec):
        pass

    def inspect(self, suite):
        return 1 / 0
"""


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """The odd check as an installed distribution of this process."""
    info = tmp_path / "site" / "odd_check-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-check\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[evalkit.checks]\nodd = an_odd_check:Odd\ngone = no_such_module:Odd\n")
    (tmp_path / "site" / "an_odd_check.py").write_text(ODD)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize(("name", "why"), [("odd", "failed with ZeroDivisionError"), ("gone", "cannot be loaded")])
def test_it_is_told_at_its_line_of_the_suite(folder, name, why):
    suite = folder.load()
    with pytest.raises(UsageError) as caught:
        inspected(CheckSpec(type=name, line=7), suite)
    (found,) = caught.value.diagnostics
    assert (Path(found.path), found.line) == (suite.path, 7)
    assert found.message.startswith(f"the check '{name}' from odd-check 1.0 {why}")
