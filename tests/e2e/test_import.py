"""A real file of each tool becomes a suite that plans and runs; what is left behind is told."""

import json
import shutil
from pathlib import Path

import pytest
from bench import REPO, side

from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.importing import import_suite
from evalkit.jobs.running.run import load_all
from evalkit.suites.load import load_suite
from evalkit.testing import ScriptedServer, answers

FILES = REPO / "tests" / "corpora" / "imports"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def told(capsys, *arguments):
    code = execute([*map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def rows(folder):
    return [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]


def test_openai_evals_from_its_registry(capsys):
    code, made = told(
        capsys, "import", "openai-evals", FILES / "openai-evals/registry/capitals.yaml", "--to", "capitals"
    )
    assert (code, made["samples"], made["metrics"]) == (0, 12, ["includes", "exact"])
    notes = " ".join(made["not_carried_over"])
    for left in ("without an `ideal`", "example_user", "no two models"):
        assert left in notes
    assert left in (Path("capitals") / "IMPORT.md").read_text()
    assert "ignore_case" not in notes
    includes, exact = load_suite(Path("capitals")).metrics
    assert (includes.options.get("normalize"), exact.options.get("normalize")) == (["casefold"], None)
    first = rows(Path("capitals"))[0]
    assert first["ideal"] == ["Paris", "PARIS"]
    assert first["messages"][-1] == {"role": "user", "content": "Capital of France?"}
    code, plan = told(capsys, "plan", "capitals")
    assert (code, plan["requests"]["total"]) == (0, 24)


def test_an_import_runs(capsys):
    import_suite("openai-evals", [FILES / "openai-evals/hosted.jsonl"], Path("hosted"))
    assert [row["ideal"] for row in rows(Path("hosted"))][:2] == ["Paris", "Rome"]
    rules = [side("base", answers("Paris")), side("tuned", answers("Rome"))]
    with ScriptedServer(rules) as server:
        entries = {"backend": "openai_compatible", "base_url": server.base_url}
        sets = [
            f"models.{role}.{key}={value}"
            for role, model in (("baseline", "base"), ("candidate", "tuned"))
            for key, value in {**entries, "model": model}.items()
        ]
        _, verdict = told(capsys, "run", "hosted", *(part for one in sets for part in ("--set", one)))
    assert verdict["primary"]["n"] == 12
    assert verdict["flips"] == {"fixed": 1, "broken": 1, "both_right": 0, "both_wrong": 10, "unscored": 0}


def test_promptfoo(capsys):
    shutil.copytree(FILES / "promptfoo", "pf")
    code, made = told(capsys, "import", "promptfoo", "pf/promptfooconfig.yaml", "--to", "routing")
    assert (code, made["samples"]) == (0, 8)
    assert made["metrics"] == ["icontains", "not_icontains"]
    notes = "\n".join(made["not_carried_over"])
    for left in (
        "`outputPath` is not carried over",
        "`options` of a test is not carried over",
        "`weight` of an assertion `icontains`",
        "`latency` of 8 tests is left out: write a guard",
        "`llm-rubric` of 8 tests is left out: a model grades it",
        "`javascript` of 1 test is left out: it is code, which an import never runs",
        "The provider python:provider.py has no counterpart",
        "The key written down for openai:chat:route-base is not copied",
        "A further prompt is left out: 'Route this ticket: {{ticket}}'",
    ):
        assert left in notes
    assert not any("sk-not-to-be-copied" in path.read_text() for path in Path("routing").iterdir())
    suite = load_suite(Path("routing"))
    assert (suite.models["baseline"].backend, suite.models["baseline"].model) == ("openai_compatible", "route-base")
    assert (suite.models["candidate"].backend, suite.models["candidate"].model) == ("openai", "gpt-5-mini")
    assert suite.models["baseline"].prompt.system == "Answer with the team that a ticket belongs to."
    assert [sample.target for sample in suite.samples][-2:] == ["technical", "technical"]


def test_lm_eval_answers_of_two_models_are_compared(capsys):
    code, made = told(capsys, "import", "lm-eval", FILES / "lm-eval", "--to", "gsm8k")
    assert (code, made["samples"], made["metrics"]) == (0, 40, ["numeric", "exact"])
    notes = "\n".join(made["not_carried_over"])
    assert "answers as the filter 'flexible-extract' reads them; those of 'strict-match' are kept" in notes
    assert "lm-eval's own exact_match: baseline 0.4" in notes
    code, verdict = told(capsys, "run", "gsm8k", "--no-cache")
    assert verdict["primary"]["n"] == 40
    own = {}
    for role, name in (("baseline", "base"), ("candidate", "tuned")):
        file = next((FILES / "lm-eval" / name).iterdir())
        each = [json.loads(line) for line in file.read_text().splitlines()]
        own[role] = 100 * sum(row["exact_match"] for row in each if row["filter"] == "strict-match") / 40
        assert verdict["primary"][f"{role}_points"] == pytest.approx(own[role])
    assert code == verdict["exit_code"]


def generated(folder, name, said, target="x", by="strict"):
    """A file of lm-eval's with three generated answers."""
    file = folder / name / "samples_qa_2026-11-02T10-11-12.345678.jsonl"
    file.parent.mkdir()
    each = [
        {
            "doc_id": i, "doc": {}, "target": target, "arguments": {"gen_args_0": {"arg_0": f"Q{i}", "arg_1": {}}},
            "resps": [[said]], "filtered_resps": [said], "filter": by,
        }
        for i in range(3)
    ]  # fmt: skip
    file.write_text("".join(json.dumps(row) + "\n" for row in each))
    return file


def test_of_a_folder_the_guess_which_is_the_baseline_is_told(tmp_path):
    files = [generated(tmp_path, "base", "x"), generated(tmp_path, "a-tuned", "y")]
    made = import_suite("lm-eval", [tmp_path], tmp_path / "guessed")
    assert any("guessed from the order of the names: a-tuned/" in note for note in made.notes)
    assert json.loads((made.folder / "baseline.jsonl").read_text().splitlines()[0])["output"] == "y"
    named = import_suite("lm-eval", files, tmp_path / "named")
    assert not any("guessed" in note for note in named.notes)
    assert json.loads((named.folder / "baseline.jsonl").read_text().splitlines()[0])["output"] == "x"


def test_a_list_of_accepted_texts_is_one_again_and_no_code(tmp_path):
    files = [generated(tmp_path, name, name, target="['a', \"A'\"]") for name in "ab"]
    made = import_suite("lm-eval", files, tmp_path / "made")
    assert {tuple(row["target"]) for row in rows(made.folder)} == {("a", "A'")}
    assert made.metrics == ("exact",)


def test_turns_in_parts_of_text_come_along_and_pictures_do_not(tmp_path):
    parts = {
        "a": [{"type": "input_text", "text": "Capital"}, {"type": "text", "text": "of Peru?"}],
        "b": [{"type": "image_url"}],
    }
    each = [{"input": [{"role": "user", "content": content}], "ideal": "Lima"} for content in parts.values()]
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in each))
    made = import_suite("openai-evals", [tmp_path / "s.jsonl"], tmp_path / "made")
    assert [row["messages"] for row in rows(made.folder)] == [[{"role": "user", "content": "Capital\nof Peru?"}]]
    assert "Left out: a row whose `input` is neither text nor a list of turns of text alone." in made.notes


@pytest.mark.parametrize(("said", "points"), [("1578", 100.0), ("$1,578.", 100.0), ("1579", 0.0), ("[invalid]", 0.0)])
def test_the_end_of_a_worked_solution_is_compared_as_a_number(tmp_path, capsys, said, points):
    files = [generated(tmp_path, name, one, target="So\n#### 1,578") for name, one in (("a", said), ("b", "1"))]
    made = import_suite("lm-eval", files, tmp_path / "made")
    assert made.metrics == ("numeric", "exact")
    _, verdict = told(capsys, "run", made.folder, "--no-cache", "--set", "gate.validity.min_n=1")
    assert verdict["primary"]["baseline_points"] == points


def test_a_worked_solution_that_ends_in_words_is_compared_as_text(tmp_path):
    files = [generated(tmp_path, name, name, target="So\n#### on Monday") for name in "ab"]
    assert import_suite("lm-eval", files, tmp_path / "made").metrics == ("exact",)


def test_two_tasks_whose_answers_happen_to_agree_are_not_compared(tmp_path):
    files = []
    for i, subject in enumerate(("anatomy", "astronomy")):
        files.append(tmp_path / subject / f"samples_mmlu_{subject}_2026-11-02.jsonl")
        files[-1].parent.mkdir()
        other = {"doc_id": 0, "doc": {"subject": subject}}
        files[-1].write_text(json.dumps(choice(i, "1", likely=True) | other) + "\n")
    with pytest.raises(UsageError, match="not of one task: document 0"):
        import_suite("lm-eval", files, tmp_path / "made")
    same = files[1].rename(files[1].with_name("tuned.jsonl"))
    same.write_text(files[0].read_text())
    assert import_suite("lm-eval", [files[0], same], tmp_path / "made").metrics == ("accuracy",)


def test_an_empty_file_is_called_that(tmp_path):
    file = tmp_path / "samples_t_2026-11-02.jsonl"
    file.touch()
    with pytest.raises(UsageError, match=r"samples_t_2026-11-02\.jsonl is empty"):
        import_suite("lm-eval", [file, file], tmp_path / "made")


def test_answers_read_by_two_filters_are_not_compared(tmp_path):
    files = [generated(tmp_path, "a", "x", by="strict"), generated(tmp_path, "b", "x", by="flexible")]
    with pytest.raises(UsageError, match="no answers as the filter 'strict' reads them"):
        import_suite("lm-eval", files, tmp_path / "made")


def test_a_filter_that_finds_nothing_is_passed_over(tmp_path):
    for model, found in (("base", ["3", "4"]), ("tuned", ["3", "7"])):
        (tmp_path / model).mkdir()
        lines = [
            {"doc_id": i, "target": "3", "arguments": [["q", {}]], "resps": [["…"]], "filter": name}
            | {"filtered_resps": [said if name == "flexible-extract" else "[invalid]"]}
            for i, said in enumerate(found)
            for name in ("strict-match", "flexible-extract")
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / model / "samples_t_2026-01-01.jsonl").write_text(text)
    made = import_suite("lm-eval", sorted(tmp_path.rglob("samples_*.jsonl")), tmp_path / "made")
    assert [json.loads(line)["output"] for line in (made.folder / "baseline.jsonl").open()] == ["3", "4"]
    assert any("those of 'flexible-extract' are kept" in note for note in made.notes)


def test_contexts_to_choose_from_are_refused(tmp_path):
    files = []
    for name in "ab":
        row = choice(0, "0", likely=True)
        row["arguments"]["gen_args_1"] = {"arg_0": "another", "arg_1": " yes"}
        files.append(tmp_path / name / "samples_winogrande_2026-11-02.jsonl")
        files[-1].parent.mkdir()
        files[-1].write_text(json.dumps(row) + "\n")
    with pytest.raises(UsageError, match="which of several contexts fits"):
        import_suite("lm-eval", files, tmp_path / "made")


def promptfoo(folder, text, **files):
    """The suite of a configuration and the files beside it."""
    (folder / "c.yaml").write_text(text)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    return load_suite(import_suite("promptfoo", [folder / "c.yaml"], folder / "made").folder)


def test_a_variable_named_id_or_expected_keeps_its_value(tmp_path):
    text = (
        "prompts: ['{{ id }} {{ expected }}']\ntests:\n"
        "  - {vars: {id: k7, expected: z}, assert: [{type: equals, value: x}]}\n"
        "  - {vars: {id: k8, expected: z}, assert: [{type: equals, value: y}]}\n"
    )
    suite = promptfoo(tmp_path, text)
    assert [(one.id, one.target, one.fields["id"], one.fields["expected"]) for one in suite.samples] == [
        ("test-1", "x", "k7", "z"),
        ("test-2", "y", "k8", "z"),
    ]


def test_a_schema_in_a_file_of_its_own_comes_along(tmp_path):
    text = (
        "prompts: ['{{ q }}']\ndefaultTest: {assert: [{type: is-json, value: 'file://s.json'}]}\n"
        "tests: [{vars: {q: a}}, {vars: {q: b}}]\n"
    )
    promptfoo(tmp_path, text, s_json='{"required": ["a"]}')
    assert json.loads((tmp_path / "made" / "is_json.schema.json").read_text()) == {"required": ["a"]}


def test_prompts_in_one_file_are_parted_at_the_dashes(tmp_path):
    text = (
        "prompts: file://p.txt\nproviders: ['openai:gpt-5-mini']\n"
        "tests:\n"
        "  - {vars: {q: a}, assert: [{type: equals, value: x}]}\n"
        "  - {vars: {q: b}, assert: [{type: equals, value: y}]}\n"
    )
    suite = promptfoo(tmp_path, text, p_txt="Say {{ q }}\n---\nTell {{ q }}\n")
    asked = [suite.models[role].prompt.template.strip() for role in ("baseline", "candidate")]
    assert asked == ["Say {{ q }}", "Tell {{ q }}"]


def test_texts_asked_for_in_several_ways_are_measured_as_one(tmp_path):
    text = (
        "prompts: ['{{ q }}']\n"
        "defaultTest: {assert: [{type: not-contains, value: sorry}, {$ref: '#/assertionTemplates/x'}]}\n"
        "assertionTemplates: {x: {type: word-count, value: {min: 1, max: 9}}}\n"
        "tests:\n"
        "  - {vars: {q: a}, assert: [{type: contains, value: Bonjour}]}\n"
        "  - {vars: {q: b}, assert: [{type: icontains, value: hola}, {type: contains, value: Juan}]}\n"
        "  - {vars: {q: c}, assert: [{type: assert-set, assert: [{type: contains-all, value: [x, y]}]}]}\n"
    )
    suite = promptfoo(tmp_path, text)
    assert [one.target for one in suite.samples] == [["Bonjour"], ["hola", "Juan"], ["x", "y"]]
    found = {metric.name: (metric.type, dict(metric.options)) for metric in suite.metrics}
    assert found == {
        "icontains_all": ("contains", {"match": "all", "normalize": ["casefold"]}),
        "not_contains": ("not_contains", {"text": "sorry"}),
        "word_count": ("length", {"min": 1, "max": 9}),
    }
    assert "takes no notice of case" in (tmp_path / "made" / "IMPORT.md").read_text()


def test_lists_of_accepted_texts_join_single_texts_and_not_several(tmp_path):
    head = "prompts: ['{{ q }}']\ntests:\n  - {vars: {q: a}, assert: [{type: contains-any, value: [x, y]}]}\n"
    suite = promptfoo(tmp_path, head + "  - {vars: {q: b}, assert: [{type: contains, value: z}]}\n")
    assert [one.target for one in suite.samples] == [["x", "y"], ["z"]]
    assert suite.metrics[0].options == {"match": "any"}
    other = tmp_path / "other"
    other.mkdir()
    suite = promptfoo(other, head + "  - {vars: {q: b}, assert: [{type: contains-all, value: [z, w]}]}\n")
    assert [one.target for one in suite.samples] == [["x", "y"]]
    assert "`contains-all` of 1 test is left out" in (other / "made" / "IMPORT.md").read_text()


def test_a_beginning_that_all_answers_have_is_a_pattern_taken_literally(tmp_path):
    asserts = "[{type: starts-with, value: '(a.b) '}, {type: equals, value: '{{ q }}'}]"
    suite = promptfoo(tmp_path, f"prompts: ['{{{{ q }}}}']\ntests: [{{vars: {{q: [1, 2]}}, assert: {asserts}}}]\n")
    loaded = {metric.name: metric for metric in load_all(tmp_path / "made" / "suite.yaml").metrics[suite.name].values()}
    values = [loaded["starts_with"].score(text, suite.samples[0]).value for text in ("(a.b) c", "(axb) c", "c (a.b) ")]
    assert values == [1.0, 0.0, 0.0]


def test_a_file_that_is_not_there_is_told_at_the_line_that_names_it(tmp_path):
    text = "prompts: ['{{ q }}']\ntests:\n  - {vars: {q: file://gone.txt}, assert: [{type: equals, value: x}]}\n"
    with pytest.raises(UsageError) as refused:
        promptfoo(tmp_path, text)
    (found,) = refused.value.diagnostics
    assert (found.line, found.message) == (3, "file://gone.txt: there is no such file")
    assert found.path.endswith("c.yaml")
    assert "gone.txt" in found.source


def test_an_assertion_of_no_known_form_is_named(tmp_path):
    (tmp_path / "c.yaml").write_text(
        "prompts: ['{{ q }}']\ntests:\n"
        "  - {vars: {q: a}, assert: [{$ref: '#/assertionTemplates/gone'}, {type: equals, value: x}]}\n"
    )
    made = import_suite("promptfoo", [tmp_path / "c.yaml"], tmp_path / "made")
    assert 'An assertion without a type is left out: {"$ref": "#/assertionTemplates/gone"}.' in made.notes


def test_a_set_that_names_itself_comes_to_an_end(tmp_path):
    (tmp_path / "c.yaml").write_text(
        "prompts: ['{{ q }}']\n"
        "assertionTemplates: {round: {type: assert-set, assert: [{$ref: '#/assertionTemplates/round'}]}}\n"
        "tests:\n"
        "  - {vars: {q: a}, assert: [{$ref: '#/assertionTemplates/round'}, {type: equals, value: x}]}\n"
    )
    made = import_suite("promptfoo", [tmp_path / "c.yaml"], tmp_path / "made")
    assert "A set of assertions inside of a set is left out." in made.notes
    assert load_suite(made.folder).samples[0].target == "x"


def test_what_every_test_asks_for_is_kept_beside_texts_of_its_own(tmp_path):
    text = (
        "prompts: ['{{ q }}']\ndefaultTest: {assert: [{type: contains-all, value: [a, b]}]}\ntests:\n"
        "  - {vars: {q: one}, assert: [{type: contains, value: c}, {type: contains, value: d}]}\n"
        "  - {vars: {q: two}, assert: [{type: contains, value: e}, {type: contains, value: f}]}\n"
    )
    suite = promptfoo(tmp_path, text)
    assert [metric.type for metric in suite.metrics] == ["contains"]


@pytest.mark.parametrize(
    ("item", "asked", "right"),
    [
        ({"ticket": "dead", "correct_label": "Hardware"}, "dead", "Hardware"),
        ({"input": "a", "other": "b", "ideal": "c"}, "a", "c"),
        ({"id": "7", "mail": "m", "n": 3, "label": "l"}, "m", "l"),
    ],
)
def test_a_hosted_item_is_read_by_its_columns(tmp_path, item, asked, right):
    (tmp_path / "items.jsonl").write_text(json.dumps({"item": item}) + "\n")
    suite = load_suite(import_suite("openai-evals", [tmp_path / "items.jsonl"], tmp_path / "made").folder)
    (sample,) = suite.samples
    assert sample.fields["messages"][-1]["content"] == asked
    assert sample.target == right


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (
            {"a": "x", "b": "y", "label": "z"},
            r"whose item \(a, b, label\) has no column for the question: name it one of",
        ),
        ({"a": "x", "b": "y"}, "no column for the right answer: name it one of ideal, correct_label"),
    ],
)
def test_a_hosted_item_whose_columns_say_nothing_is_told_what_to_call_them(tmp_path, item, says):
    (tmp_path / "items.jsonl").write_text(json.dumps({"item": item}) + "\n")
    with pytest.raises(UsageError, match=says):
        import_suite("openai-evals", [tmp_path / "items.jsonl"], tmp_path / "made")


def test_what_a_provider_does_to_its_answers_is_named(tmp_path):
    (tmp_path / "c.yaml").write_text(
        "prompts: ['{{ q }}']\nproviders: [{id: 'openai:gpt-5-mini', label: a, transform: 'output.trim()'}]\n"
        "tests: [{vars: {q: a}, assert: [{type: equals, value: x}]}]\n"
    )
    made = import_suite("promptfoo", [tmp_path / "c.yaml"], tmp_path / "made")
    assert "transform of openai:gpt-5-mini is not carried over." in made.notes


def test_lists_that_make_too_many_tests_are_refused_and_not_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("evalkit.jobs.importing.promptfoo.MAX_TESTS", 5)
    text = (
        "prompts: ['{{ q }}']\ntests: [{vars: {q: [1, 2, 3], r: [1, 2]}, assert: [{type: equals, value: '{{ q }}'}]}]\n"
    )
    with pytest.raises(UsageError, match="more than 5 tests"):
        promptfoo(tmp_path, text)


def test_half_a_character_comes_along_in_its_escaped_form(tmp_path):
    (tmp_path / "s.jsonl").write_text('{"input": "a \\ud800", "ideal": "b"}\n')
    made = import_suite("openai-evals", [tmp_path / "s.jsonl"], tmp_path / "made")
    assert rows(made.folder)[0]["messages"][0]["content"] == "a \ud800"


def choice(i, target, likely):
    arguments = {f"gen_args_{k}": {"arg_0": f"Q{i}", "arg_1": f" {word}"} for k, word in enumerate(("yes", "no"))}
    said = [["-1.5", "False"], ["-0.5" if likely else "-9.5", "False"]]
    return {"doc_id": i, "doc": {}, "target": target, "arguments": arguments, "resps": [said], "filtered_resps": said}


def test_lm_eval_choices_become_the_likelier_text(tmp_path):
    files = []
    for name, likely in (("a", True), ("b", False)):
        file = tmp_path / name / "samples_boolq_2026-11-02T10-11-12.345678.jsonl"
        file.parent.mkdir()
        file.write_text("".join(json.dumps(choice(i, "1", likely)) + "\n" for i in range(3)))
        files.append(file)
    made = import_suite("lm-eval", files)
    assert made.folder == Path("boolq")
    assert made.metrics == ("accuracy",)
    assert {row["target"] for row in rows(made.folder)} == {"no"}
    assert json.loads((made.folder / "baseline.jsonl").read_text().splitlines()[0])["output"] == "no"
    assert json.loads((made.folder / "candidate.jsonl").read_text().splitlines()[0])["output"] == "yes"


@pytest.mark.parametrize(
    ("form", "name", "text", "message"),
    [
        ("promptfoo", "c.js", "module.exports = {}", "one that is a program is never run"),
        (
            "promptfoo",
            "c.yaml",
            "prompts: [x]\ntests: [{vars: {a: 1}, assert: [{type: python, value: x}]}]",
            "it is code",
        ),
        ("promptfoo", "c.yaml", "prompts: [x]\ntests: 'https://example.org/t.csv'", "tests are not fetched"),
        ("promptfoo", "c.yaml", "prompts: [x]\ntests: 'file://../../etc/t.csv'", "leads outside"),
        ("promptfoo", "c.yaml", "prompts: 3\ntests: 4", "no test has an assertion"),
        ("promptfoo", "c.yaml", "prompts: [x]\ndefaultTest: [1]", "defaultTest is neither a test"),
        ("promptfoo", "c.yaml", "prompts: !!python/object:os.system [x]", "c.yaml:1"),
        (
            "openai-evals",
            "s.jsonl",
            '{"input": "x"}',
            "no row has both a question and a right answer to compare with. Left out: a row without",
        ),
        (
            "openai-evals",
            "r.yaml",
            "a: {class: 'x:Match', args: {samples_jsonl: ../../../secret.jsonl}}",
            "leads outside",
        ),
        ("openai-evals", "s.jsonl", "oops", "s.jsonl:1:1: this is not JSON"),
        ("lm-eval", "s.jsonl", "{}", "the answers of two models to one task are wanted"),
        ("helm", "s.json", "", "cannot be imported; there are openai-evals, promptfoo, lm-eval, inspect"),
    ],
)
def test_what_cannot_be_imported_is_told_and_leaves_nothing(tmp_path, form, name, text, message):
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        import_suite(form, [file], Path("made"))
    assert message in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine").write_text("x")
    with pytest.raises(UsageError, match="made is there already"):
        import_suite("openai-evals", [FILES / "openai-evals/hosted.jsonl"], Path("made"))
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["mine"]
