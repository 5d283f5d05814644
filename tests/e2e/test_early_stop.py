"""Ctrl-C while evalkit is still loading: a word and 130, no traceback, whichever import it meets."""

import subprocess
import sys

import pytest
from bench import REPO

CHILD = """
import os, runpy, signal, sys
wanted = sys.argv.pop(1)
def meet(event, found):
    if event == "import" and found[0] == wanted and wanted not in met:
        met.append(wanted)
        os.kill(os.getpid(), signal.SIG{name})
met = []
sys.addaudithook(meet)
sys.argv[0] = "evalkit"
runpy.run_module("evalkit", run_name="__main__")
"""


def stopped_at(module, name="INT"):
    """evalkit sent a signal by itself at the moment it begins to import `module`."""
    command = [sys.executable, "-c", CHILD.replace("{name}", name), module, "schema"]
    return subprocess.run(command, capture_output=True, text=True, cwd=REPO, timeout=60, check=False)


@pytest.mark.parametrize(
    "module", ["gc", "evalkit.errors", "evalkit.run.interrupts", "asyncio", "evalkit.cli", "typer", "evalkit.cli.app"]
)
def test_an_import_that_is_interrupted_ends_in_order(module):
    found = stopped_at(module)
    assert found.returncode == 130, found.stderr
    assert "Traceback" not in found.stderr
    assert "stopped on request" in found.stderr
    assert not found.stdout


def test_a_polite_kill_does_the_same():
    found = stopped_at("asyncio", "TERM")
    assert (found.returncode, found.stderr.strip()) == (130, "evalkit: stopped on request, before anything was done")


def test_nothing_slow_is_loaded_before_signals_are_caught():
    listing = "import sys; before = set(sys.modules); import evalkit.__main__; print(*set(sys.modules) - before)"
    loaded = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, cwd=REPO, timeout=60, check=True
    ).stdout.split()
    assert set(loaded) <= {"__future__", "signal", "_signal", "enum", "types", "operator", "_operator", "functools",
                           "_functools", "collections", "_collections", "itertools", "keyword", "reprlib",
                           "evalkit", "evalkit.__main__"}  # fmt: skip
