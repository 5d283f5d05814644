"""The documents of `plan --json` and `doctor --json` hold the keys that docs/files.md describes, and no others."""

import json
import re
from pathlib import Path

import pytest

from evalkit.cli.app import execute

DOCS = (Path(__file__).parents[3] / "docs" / "files.md").read_text(encoding="utf-8")


def words_of(schema):
    block = next(part for part in re.findall(r"```text\n(.*?)```", DOCS, re.DOTALL) if f'"{schema}"' in part)
    return set(re.findall(r"[a-z_]+", block))


def keys_of(value):
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize(("verb", "code"), [("plan", 0), ("doctor", 5)])
def test_every_key_is_described(folder, verb, code, capsys):
    assert execute([verb, "suite.yaml", "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == f"evalkit.{verb}/1"
    assert keys_of(document) - words_of(document["schema"]) == set()
