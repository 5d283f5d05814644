"""A real file of each tool becomes a suite that plans and runs; what is left behind is told."""

import json
import shutil
from pathlib import Path

import pytest
from bench import REPO, side

import evalkit.cli  # noqa: F401 - the verbs join the app
from evalkit.cli.app import execute
from evalkit.errors import UsageError
from evalkit.jobs.importing import import_suite
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
    for left in ("args.ignore_case", "without an `ideal`", "example_user", "no two models"):
        assert left in notes
    assert left in (Path("capitals") / "IMPORT.md").read_text()
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
        "`javascript` of 1 tests is left out: it is code, which an import never runs",
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
    assert (code, made["samples"], made["metrics"]) == (0, 40, ["exact"])
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
        ("promptfoo", "c.yaml", "prompts: !!python/object:os.system [x]", "c.yaml:1"),
        ("openai-evals", "s.jsonl", '{"input": "x"}', "no row has both an `input` and an `ideal`"),
        ("openai-evals", "s.jsonl", "oops", "s.jsonl:1:1: this is not JSON"),
        ("lm-eval", "s.jsonl", "{}", "the answers of two models to one task are wanted"),
        ("inspect", "s.eval", "", "cannot be imported; there are openai-evals, promptfoo, lm-eval"),
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
