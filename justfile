# Without a verb: the list of verbs.
default:
    @just --list

# Install everything for development into the current environment.
setup:
    pip install -e ".[local,dev]"
    python tests/prepare.py
    pre-commit install

# All tests, as CI runs them.
test:
    pytest

# Tests that need neither the model nor a browser.
quick:
    pytest -m "not model and not browser"

# Lint, format, types, layers.
check:
    ruff check .
    ruff format --check .
    mypy
    mypy benchmarks/*.py
    lint-imports

# Mend what can be mended by itself.
fix:
    ruff check --fix .
    ruff format .

# The tests of the promises, by name, each at its full figure: half an hour and 7 GB of disk (`test` shows some at a smaller one).
promises:
    pytest tests/promises -v --as-written

# Branch coverage.
coverage:
    pytest -m "not model and not browser" --cov --cov-report=term-missing:skip-covered

# The main job on the embedded default.
demo:
    evalkit run suites/review-triage/suite.yaml

# What docs/benchmarks.md says, measured anew on this machine (minutes; peers get environments of their own).
bench *arguments:
    python benchmarks/run.py {{arguments}}

# What docs/vllm.md says, tried anew (half an hour on a CPU; vLLM gets an environment of its own).
vllm *arguments:
    python benchmarks/vllm/prove.py {{arguments}}
