"""Scenarios and thresholds of promptfoo come along, and what does not is named."""

import json

import pytest

from evalkit.errors import UsageError
from evalkit.jobs.importing import import_suite
from evalkit.suites.load import load_suite

SCENARIO = """
prompts: ["Translate into {{language}}: {{input}}"]
defaultTest: {assert: [{type: not-contains, value: sorry}]}
tests:
  - {vars: {language: Dutch, input: Hello}, assert: [{type: equals, value: Hallo}]}
scenarios:
  - description: greetings
    config:
      - vars: {language: Spanish, hello: Hola, bye: Adiós}
      - {vars: {language: French, hello: Bonjour, bye: Salut}, metadata: {who: me}}
    tests:
      - {description: hello, vars: {input: Hello}, assert: [{type: equals, value: "{{hello}}"}]}
      - {vars: {input: Bye, language: Occitan}, assert: [{type: equals, value: "{{bye}}"}]}
"""


def imported(folder, text, **files):
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    (folder / "c.yaml").write_text(text)
    made = import_suite("promptfoo", [folder / "c.yaml"], folder / "made")
    return load_suite(made.folder), made.notes


def asked(suite):
    return [(one.fields["language"], one.fields["input"], one.target) for one in suite.samples]


def test_a_scenario_is_each_of_its_tests_on_each_set_of_variables(tmp_path):
    suite, notes = imported(tmp_path, SCENARIO)
    assert asked(suite) == [
        ("Dutch", "Hello", "Hallo"),
        ("Spanish", "Hello", "Hola"),
        ("Occitan", "Bye", "Adiós"),
        ("French", "Hello", "Bonjour"),
        ("Occitan", "Bye", "Salut"),
    ]
    assert [metric.name for metric in suite.metrics] == ["equals", "not_contains"]
    assert not any("scenario" in note for note in notes)


def test_the_assertions_of_a_set_hold_beside_those_of_the_test(tmp_path):
    text = """
prompts: ["{{input}}, {{language}}"]
scenarios:
  - config:
      - {vars: {language: es, want: a}, assert: [{type: equals, value: "{{want}}"}]}
      - {vars: {language: fr, want: b}, assert: [{type: equals, value: "{{want}}"}]}
    tests: [{vars: {input: x}, assert: [{type: not-contains, value: sorry}]}]
"""
    suite, _ = imported(tmp_path, text)
    assert [one.target for one in suite.samples] == ["a", "b"]
    assert [metric.name for metric in suite.metrics] == ["equals", "not_contains"]


def test_scenarios_and_their_sets_may_stand_in_files(tmp_path):
    text = """
prompts: ["{{input}} {{language}}"]
scenarios: ["file://s.yaml", "file://more/*.yaml"]
"""
    files = {
        "s_yaml": "config: [{$values: file://v.yaml}, {vars: {language: de}}]\ntests: file://t.yaml\noptions: {x: 1}\n",
        "v_yaml": "- vars: {language: es}\n- vars: {language: fr}\n",
        "t_yaml": '- {vars: {input: x}, assert: [{type: equals, value: "{{language}}"}]}\n',
    }
    suite, notes = imported(tmp_path, text, **files)
    assert asked(suite) == [("es", "x", "es"), ("fr", "x", "fr"), ("de", "x", "de")]
    assert "`options` of a scenario is not carried over." in notes
    assert "A scenario that a pattern or a program names is left out: file://more/*.yaml." in notes


def test_a_scenario_in_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"file://gone\.yaml: there is no such file"):
        imported(tmp_path, "prompts: ['{{ q }}']\nscenarios: ['file://gone.yaml']\n")


def near(*thresholds, kind="rouge-n"):
    tests = "".join(
        f"  - {{vars: {{q: {number}}}, assert: [{{type: {kind}, value: text {number}{more}}}]}}\n"
        for number, more in enumerate(f", threshold: {one}" if one is not None else "" for one in thresholds)
    )
    return f"prompts: ['{{{{ q }}}}']\ntests:\n{tests}"


@pytest.mark.parametrize(
    ("kind", "thresholds", "options", "note"),
    [
        ("rouge-n", (0.6, 0.6), {"at_least": 0.6}, None),
        ("levenshtein", (3, 3), {"max_edits": 3}, None),
        ("rouge-n", (0.6, 0.7), {}, "its thresholds differ from test to test and are not carried over"),
        ("rouge-n", (0.6, None), {}, "its thresholds differ from test to test and are not carried over"),
        ("levenshtein", (None, None), {}, "as no test states a threshold for it"),
        ("rouge-n", (75, 75), {}, "its threshold 75 is not from 0 to 1 and is not carried over"),
        ("rouge-n", (-0.1, -0.1), {}, "its threshold -0.1 is not from 0 to 1 and is not carried over"),
        ("rouge-n", (1, 1), {"at_least": 1}, None),
        ("levenshtein", (-1, -1), {}, "its threshold -1 is not a number of edits and is not carried over"),
        ("bleu", (0.5, 0.5), {}, "of all answers together; its threshold is not carried over"),
    ],
)
def test_a_threshold_that_all_tests_state_comes_along(tmp_path, kind, thresholds, options, note):
    suite, notes = imported(tmp_path, near(*thresholds, kind=kind))
    found = {key: value for key, value in suite.metrics[0].options.items() if key != "variant"}
    assert found == options
    told = [one for one in notes if "threshold" in one]
    assert [note in one for one in told] == ([True] if note else [])


def test_a_threshold_in_a_cell_comes_along(tmp_path):
    rows = 'q,__expected\na,"levenshtein(2): one"\nb,"levenshtein(2): two"\n'
    suite, _ = imported(tmp_path, "prompts: ['{{ q }}']\ntests: file://t.csv\n", t_csv=rows)
    assert [(one.target, dict(suite.metrics[0].options)) for one in suite.samples] == [
        ("one", {"max_edits": 2.0}),
        ("two", {"max_edits": 2.0}),
    ]
    assert json.loads((tmp_path / "made" / "samples.jsonl").read_text().splitlines()[0])["q"] == "a"


LISTS = """
prompts: ["{{ q }} Labels: {{ labels | join('|') }}"]
defaultTest: {vars: {labels: [a, b]}, options: {disableVarExpansion: true}}
tests:
  - {vars: {q: one}, assert: [{type: equals, value: a}]}
  - {vars: {q: two}, options: {disableVarExpansion: false}, assert: [{type: equals, value: b}]}
"""


def test_a_variable_that_is_to_stay_a_list_makes_one_test(tmp_path):
    suite, notes = imported(tmp_path, LISTS)
    assert [one.fields["labels"] for one in suite.samples] == [["a", "b"], "a", "b"]
    assert not any("options" in note for note in notes)


def test_a_folder_is_told_to_be_one(tmp_path):
    with pytest.raises(UsageError, match="this is a folder; name the configuration in it"):
        import_suite("promptfoo", [tmp_path], tmp_path / "made")
