"""The documents that `--json` prints hold the keys that docs/files.md describes, and no others."""

import json
import re
from pathlib import Path

import pytest
from refresh_desk import Shop

from evalkit.cli.app import execute
from evalkit.jobs.refresh.release import release

DOCS = (Path(__file__).parents[3] / "docs" / "files.md").read_text(encoding="utf-8")


def words_of(schema):
    block = next(part for part in re.findall(r"```text\n(.*?)```", DOCS, re.DOTALL) if f'"{schema}"' in part)
    return set(re.findall(r"[a-z_0-9]+", block))


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


def undescribed(document, block, *, but=()):
    """The keys that files.md does not name; `but`: whose keys are data or described elsewhere."""
    document = {key: None if key in but else value for key, value in document.items()}
    return keys_of(document) - block


def test_every_key_of_check_split_rot_and_refresh_is_described(bench, monkeypatch, capsys):
    monkeypatch.chdir(bench.folder)
    monkeypatch.setenv("EVALKIT_HOME", str(bench.folder / ".evalkit"))
    shop = Shop(bench)
    with shop.desk() as desk:
        shop.to_approval(desk)
        release(desk, "minor")
    train = str(shop.rows("train.jsonl", [{"prompt": "a b c d e f", "completion": "red"}, shop.samples[0]]))
    suite, code = str(shop.suite), {}
    printed = {}
    for verb, words in {
        "check": [suite, "--train", train],
        "split": ["logs.jsonl", "--by", "group", "--key", "part", "--test", "0.5"],
        "rot": [suite, "--production", "logs.jsonl"],
        "refresh": ["bridge"],
    }.items():
        code[verb] = execute(["--json", verb, *words])
        printed[verb] = json.loads(capsys.readouterr().out)
        assert printed[verb]["schema"] == f"evalkit.{verb}/1"
    assert (code["check"], code["split"], code["refresh"]) == (4, 0, 0)
    verdict = words_of("evalkit.verdict/1")
    check = printed["check"]
    assert not undescribed(check, words_of("evalkit.check/1"), but=("contamination", "freshness"))
    of_samples = {
        key: check["contamination"][key] for key in check["contamination"] if key not in ("thresholds", "layers")
    }
    assert not undescribed(of_samples, verdict)
    assert not undescribed(check["freshness"], verdict)
    assert not undescribed(printed["split"], words_of("evalkit.split/1"), but=("data", "files", "strata"))
    rot = words_of("evalkit.rot/1")
    assert not undescribed({key: value for key, value in printed["rot"].items() if key != "signals"}, rot)
    assert all(set(signal) <= rot for signal in printed["rot"]["signals"])
    assert not undescribed(printed["refresh"], words_of("evalkit.refresh/1"))
