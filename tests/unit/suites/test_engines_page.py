"""The entries in docs/engines.md can be copied: every key of them is one that a suite may have."""

import re

import pytest
import yaml
from bench import REPO

from evalkit.suites.side_schema import BACKEND_KEYS, SIDE_KEYS, Price

PAGE = (REPO / "docs" / "engines.md").read_text()
ENTRIES = [
    side
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for side in (yaml.safe_load(block) or {}).values()
    if isinstance(side, dict) and side.get("backend") in {"openai", "anthropic"}
]


def test_both_vendors_have_one():
    assert {side["backend"] for side in ENTRIES} == {"openai", "anthropic"}


@pytest.mark.parametrize("side", ENTRIES, ids=lambda side: side["model"])
def test_its_keys_are_known(side):
    assert set(side) <= BACKEND_KEYS[side["backend"]] | SIDE_KEYS
    assert Price(**{key: str(value) if key == "as_of" else value for key, value in side["price"].items()}).input


@pytest.mark.parametrize("backend", ["openai", "anthropic"])
def test_every_key_is_explained(backend):
    said = set(re.findall(r"`(\w+)`", PAGE))
    own = BACKEND_KEYS[backend] - {"model", "api_key_env", "allow_http"}
    assert own <= said
