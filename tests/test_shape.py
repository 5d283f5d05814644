"""What no linter counts: the size of modules and functions, imports inside functions, stray prints and globals."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "evalkit"
MODULES = sorted(ROOT.rglob("*.py"))
MAX_MODULE, MAX_FUNCTION, MAX_PARAMETERS = 350, 60, 6

# Heavy or optional packages at their one point of use.
LAZY_IMPORTS_ALLOWED = (
    "__main__.py",
    "cli/",
    "plugins.py",
    "stats/distributions.py",
    "backends/local/process.py",
    "jobs/running/checks.py",
    "jobs/running/judges.py",
    "jobs/running/metrics.py",
    "backends/hosted/sdk.py",
    "metrics/hf_evaluate.py",
    "metrics/language.py",
    "suites/hub.py",
    "suites/records/packed.py",
    "suites/records/parquet.py",
    "run/progress.py",
)
# The borders where anything may arrive: an attempt, scoring, the command line, loading a plug-in or a script.
BROAD_EXCEPT_ALLOWED = ("run/attempt.py", "run/scoring.py", "cli/app.py", "plugins.py", "metrics/hf_evaluate.py")


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def place(path):
    return path.relative_to(ROOT).as_posix()


def sizes(tree, source):
    if len(source.splitlines()) > MAX_MODULE:
        yield f"{len(source.splitlines())} lines"
    for function in functions(tree):
        lines = (function.end_lineno or 0) - function.lineno + 1
        if lines > MAX_FUNCTION:
            yield f"{function.name}: {lines} lines"


def parameters(tree):
    for function in functions(tree):
        arguments = function.args
        count = len(arguments.args) + len(arguments.kwonlyargs) + len(arguments.posonlyargs)
        count -= bool(arguments.args and arguments.args[0].arg in {"self", "cls"})
        if count > MAX_PARAMETERS:
            yield f"{function.name}: {count} parameters"


def lazy_imports(tree):
    for function in functions(tree):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield f"{function.name}: imports inside"


def broad_excepts(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and (
            node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception")
        ):
            yield f"line {node.lineno}: except Exception"


def prints(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"line {node.lineno}: print"


def mutable_globals(tree):
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Dict | ast.Set | ast.ListComp):
            for target in node.targets:
                if isinstance(target, ast.Name) and not target.id.lstrip("_").isupper() and target.id != "__all__":
                    yield f"mutable {target.id}"


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_module_keeps_its_shape(path):
    source = path.read_text()
    tree = ast.parse(source)
    found = [*sizes(tree, source), *mutable_globals(tree)]
    if not place(path).startswith("cli/"):  # a verb's parameters are its command line, and it prints the result
        found += [*parameters(tree), *prints(tree)]
    if not place(path).startswith(LAZY_IMPORTS_ALLOWED):
        found += lazy_imports(tree)
    if not place(path).startswith(BROAD_EXCEPT_ALLOWED):
        found += broad_excepts(tree)
    assert not found


def test_names_say_what_a_room_is_for():
    vague = {"utils", "helpers", "common", "manager", "base", "misc"}
    assert not [place(path) for path in MODULES if path.stem in vague]
