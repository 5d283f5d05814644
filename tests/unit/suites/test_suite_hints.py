"""What a message adds so that a mistake is mended at once: the name that was meant, the place, the command."""

import dataclasses
import gzip
import json
import shlex
import subprocess
from pathlib import Path

import pytest

from evalkit.errors import UsageError
from evalkit.suites.diagnostics import Problems
from evalkit.suites.jsonl import read_jsonl
from evalkit.suites.load import load_suite
from evalkit.suites.locate import cell_in, point_at_cells
from evalkit.suites.lookalikes import did_you_mean_path, meant_path

GUARD = "{metric: schema, margin: 1.0}"


def mistakes(folder, **options):
    with pytest.raises(UsageError) as caught:
        folder.load(**options)
    return caught.value.diagnostics


def rows_of(text, shown="rows.jsonl"):
    problems = Problems(shown)
    rows = list(read_jsonl(enumerate(text.encode().splitlines(keepends=True), 1), problems))
    return [row for _, row in rows], problems.all()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("samples.json", "samples.jsonl"),
        ("promts/triag.md.j2", "prompts/triage.md.j2"),
        ("prompts/../shcema.json", "prompts/../schema.json"),
        ("train.jsonl", None),
        ("prompts/../../x/schema.json", None),
    ],
)
def test_a_mistyped_path_is_mended_step_by_step(folder, written, meant):
    assert meant_path(written, folder.path) == meant
    assert did_you_mean_path(written, folder.path) == ("" if meant is None else f" (did you mean '{meant}'?)")


def test_no_name_outside_the_tree_is_looked_up_or_told(folder):
    (folder.path.parent / "outside.jsonl").write_text("x")
    for text in ("../outsid.jsonl", "..\\outsid.jsonl", "prompts/../../outsid.jsonl"):
        assert meant_path(text, folder.path) is not None
        assert meant_path(text, folder.path, folder.path) is None


def test_names_are_not_offered_that_are_hidden_or_too_many(folder, monkeypatch):
    folder.write("hidden/.secret.json", "x")
    assert meant_path("hidden/secret.json", folder.path) is None
    assert meant_path("shema.json", folder.path) == "schema.json"
    monkeypatch.setattr("evalkit.suites.lookalikes.MAX_LOOKED_AT", 0)
    assert meant_path("shema.json", folder.path) is None


def test_a_mistyped_adapter_is_told_with_the_folder_that_is_there(folder):
    folder.write("adapters/lora/adapter_config.json", "{}")
    folder.edit("model: tuned}", "model: tuned}\n  # local")
    old = 'candidate: {backend: openai_compatible, base_url: "http://127.0.0.1:8000/v1", model: tuned}'
    folder.edit(old, "candidate: {backend: local, model: smollm2-135m-instruct, adapter: adaptors/lora}")
    (found,) = mistakes(folder)
    assert found.message.endswith("'adaptors/lora' (did you mean 'adapters/lora'?)")
    assert found.help is None


def test_brackets_count_the_entries_of_a_list_on_the_command_line(folder):
    assert folder.load(overrides=["metrics[0].name=a", "gate.primary.metric=a"]).metrics[0].name == "a"
    assert folder.load(overrides=["metrics.1.name=b", "gate.guards[0].metric=b"]).gate.guards[0].metric == "b"


@pytest.mark.parametrize("path", ["metrics[7].type", "metrics.type", "metrics[x].type"])
def test_a_list_entry_that_is_none_is_told_how_to_be_named(folder, path):
    (found,) = mistakes(folder, overrides=[f"{path}=f1"])
    if "x" not in path:
        assert found.help == "metrics[0] is its first entry, metrics[1] its last"
    else:
        assert found.where.startswith("--set ")


def test_a_section_that_the_command_line_made_is_told_as_its_own(folder):
    (found,) = mistakes(folder, overrides=["gate.primay.min_delta=3"])
    assert found.where == "--set gate.primay.min_delta=3"
    assert found.message == "unknown key 'gate.primay' (did you mean 'primary'?)"


def test_a_misspelt_key_that_is_needed_hides_no_other_mistake(folder):
    folder.edit("type: f1, average: macro", "tpye: f1, averge: macro")
    assert [found.message for found in mistakes(folder)] == [
        "unknown key 'metrics[0].tpye' (did you mean 'type'?)",
        "unknown key 'metrics[0].averge' for type 'f1' (did you mean 'average'?)",
    ]


def test_a_key_that_is_missing_and_not_misspelt_is_missing(folder):
    folder.edit("type: f1, average: macro", "average: macro")
    assert [found.message for found in mistakes(folder)] == ["metrics[0].type is missing"]


def test_a_folder_for_a_guard_suite_is_told_its_file(folder):
    folder.write("general/suite.yaml", "name: general\n")
    folder.edit(GUARD, "{suite: general/, metric: schema}")
    (found,) = mistakes(folder)
    assert found.help == "name the file in it: general/suite.yaml"


def warnings_with(folder, gate):
    folder.edit("gate:\n", f"gate:\n{gate}")
    folder.edit(GUARD, "{metric: intent_f1, margin: 1.0}")
    return folder.load().warnings


def test_a_guard_on_the_primary_metric_is_no_mistake_and_is_told(folder):
    (told,) = warnings_with(folder, "")
    assert told.startswith("gate.guards[0] guards 'intent_f1', the primary metric: the gate asks for a gain there")


def test_where_no_loss_is_asked_for_the_smaller_margin_decides(folder):
    (told,) = warnings_with(folder, "  intent: regression\n")
    assert told.endswith("may lose at most 2 points anyway: the smaller of the two margins decides.")


def test_a_guard_on_a_primary_metric_without_proof_means_something(folder):
    folder.edit("min_delta: 5.0}", "min_delta: 5.0, evidence: none}")
    assert warnings_with(folder, "") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1}, {"a": 2}]\n', "this is a JSON array"),
        ('[{"a": 1},\n{"a": 2}]\n', "this is a JSON array"),
        ('[\n  {"a": 1},\n  {"a": 2}\n]\n', "this is a JSON array"),
        ('{\n  "a": 1\n}\n', "this is a JSON object over several lines"),
        ('{"a": 1,\n "b": 2}\n{"a": 3,\n "b": 4}\n', "this is a JSON object over several lines"),
    ],
)
@pytest.mark.parametrize("name", ["my rows.jsonl", "rows.json"])
def test_other_json_is_told_once_with_a_command_that_mends_it(tmp_path, monkeypatch, text, message, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text)
    _, (found,) = rows_of(text, name)
    assert found.message.startswith(message)
    fake = tmp_path / "jq"  # a jq that knows the two filters
    fake.write_text(
        "#!/usr/bin/env python3\nimport json, sys\nout, text = [], open(sys.argv[3]).read().strip()\n"
        "while text:\n    one, end = json.JSONDecoder().raw_decode(text)\n    text = text[end:].strip()\n"
        "    out += one if sys.argv[2] == '.[]' else [one]\nfor row in out:\n    print(json.dumps(row))\n"
    )
    fake.chmod(0o755)
    mended = subprocess.run(f"PATH={shlex.quote(str(tmp_path))}:$PATH; {found.help}", shell=True, check=False)  # noqa: S602 - the command a person would paste
    assert mended.returncode == 0
    rows, problems = rows_of((tmp_path / name.replace(".json", ".jsonl").replace("ll", "l")).read_text())
    assert rows
    assert not problems


@pytest.mark.parametrize("text", ['["t1"]\n', '{"a": 1,\n{"a": 2}\n', '[]\n{"a": 1}\n'])
def test_lines_that_may_be_rows_are_looked_at_one_by_one(text):
    rows, problems = rows_of(text)
    assert problems[0].line == 1
    assert "JSONL" not in problems[0].message
    assert len(rows) == text.count("}")


@pytest.mark.parametrize(
    ("text", "caret"),
    [
        ('{"NaN": "NaN", "x": [1, NaN]}', "NaN]"),
        ('{"a": "-Infinity", "x": -Infinity}', "-Infinity}"),
        ('{"a": {"k": 1}, "k": 2, "b": {"k": 3}, "k": 4}', '"k": 4'),
        (' {"a": "1e999", "b": 1e999}', "1e999}"),
        ('{"a\\u0062": 1, "ab": 2}', '"ab"'),
    ],
)
def test_a_bad_value_is_pointed_at_where_it_stands(text, caret):
    _, (found,) = rows_of(text)
    assert text[found.column - 1 :].startswith(caret)
    assert found.source == text.rstrip()


def test_the_cell_of_an_id_given_twice_is_found_again(folder):
    lines = [json.loads(line) for line in (folder.path / "samples.jsonl").read_text().splitlines()]
    folder.write("samples.jsonl", "".join(json.dumps(row) + "\n" for row in [*lines, {"customer": "t1"} | lines[0]]))
    (found,) = mistakes(folder)
    assert (found.line, found.source[found.indent :][:4]) == (4, '"t1"')
    packed = gzip.compress((folder.path / "samples.jsonl").read_bytes())
    folder.write("samples.jsonl.gz", packed)
    folder.edit("samples.jsonl", "samples.jsonl.gz")
    assert mistakes(folder) == (dataclasses.replace(found, path="samples.jsonl.gz"),)


def test_a_cell_whose_line_is_gone_is_told_without_it(folder):
    problems = Problems("x.jsonl")
    problems.add(3, "bad", cell=("id", "t1"))
    data = type("Data", (), {"path": folder.path / "gone.jsonl", "shown": "gone.jsonl", "is_by_row": False})
    point_at_cells(problems, data)
    assert problems.all()[0].render() == "x.jsonl:3: bad"


def test_a_cell_that_cannot_be_told_from_others_is_not_pointed_at():
    assert cell_in('{"n": 7}', "id", 7) is None
    assert cell_in("t10,xt1,t1", "id", "t1") == (9, 2)


@pytest.mark.parametrize(
    ("name", "old", "new", "mend"),
    [
        ("alpha", "gate:\n", "gate:\n  alpha: 5\n", "a share: 0.05 stands for 5 %"),
        ("delta", "min_delta: 5.0", 'min_delta: "5.5 points"', "write the number alone, without quotes: 5.5"),
        ("tokens", "max_tokens: 64", "max_tokens: 64.0", "write 64"),
        ("words", "temperature: 0", "temperature: low", None),
        ("version", "version: 1", 'version: "1"', "write the number alone, without quotes: 1"),
        ("guard", GUARD, "schema", "say {metric: exact, margin: 1.0}"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_how_it_is_written(folder, name, old, new, mend):
    folder.edit(old, new)
    assert mistakes(folder)[0].help == mend


@pytest.mark.parametrize(
    ("old", "new", "line", "mend"),
    [
        ("system: Label", "system: @Label", 6, 'text that starts with @ must be quoted: "@…"'),
        ("system: Label the ticket.", "system: *label*", 6, 'text that starts with * or & must be quoted: "*…"'),
        ("  - {name: i", "  -{name: i", 15, "a blank belongs between a dash and its entry: `- {…}`"),
        (
            "  baseline: {",
            "  - {",
            12,
            "a section is a list, every entry after a dash, or it is keys and values, not both",
        ),
        ("  path: s", "   path: s", 5, "check the indentation: keys of one mapping start in the same column"),
        ("system: Label", "system: Label: label", 6, "text that holds ': ' must be quoted"),
    ],
)
def test_what_a_parser_complains_of_is_told_with_its_mend(folder, old, new, line, mend):
    folder.edit(old, new)
    assert [(found.line, found.help) for found in mistakes(folder)] == [(line, mend)]


def test_a_column_of_slices_named_twice_is_told(folder):
    folder.edit("[lang]", "[lang, lang]")
    assert [found.message for found in mistakes(folder)] == ["dataset.slices[1]: 'lang' is named twice"]


@pytest.mark.parametrize("name", ["suite.yml", "siute.yaml"])
def test_a_mistyped_suite_is_told_the_one_that_is_there(folder, name):
    with pytest.raises(UsageError, match=r"there is no such file \(did you mean 'suite\.yaml'\?\)"):
        load_suite(Path(name))
