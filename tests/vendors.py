"""The two vendors as a suite names them, in front of one scripted server; and runs of a suite in this process."""

import json
import os

from evalkit.jobs.running.run import RunOptions, run
from evalkit.run.progress import Progress

VENDORS = ("openai", "anthropic")
KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
KEY = "sk-test-1f0e2d3c4b5a"
AZURE_FILTERED = json.dumps(
    {
        "error": {
            "message": "The response was filtered due to the prompt triggering the content management policy.",
            "code": "content_filter",
            "status": 400,
            "innererror": {"code": "ResponsibleAIPolicyViolation"},
        }
    }
).encode()
ANTHROPIC_FILTERED = json.dumps(
    {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"},
    }
).encode()
FILTERED = {"openai_compatible": AZURE_FILTERED, "openai": AZURE_FILTERED, "anthropic": ANTHROPIC_FILTERED}
"""The body of a 400 by which a provider's filter withholds an answer."""


def entries(vendor, base_url, **more):
    """`models:` of a suite whose sides are `base` and `tuned`."""
    side = {"backend": vendor, "base_url": base_url, "price": {"input": 2.0, "output": 8.0}} | more
    return {"baseline": side | {"model": "base"}, "candidate": side | {"model": "tuned"}}


def run_here(suite, **options):
    """`evalkit run` of a suite, without a child process; returns verdict.json and what was noted."""
    progress, notes = Progress(), []
    progress.on_note = notes.append
    finished = run(RunOptions(suite_path=suite, command=f"evalkit run {suite}", **options), progress)
    return finished.document, notes


def set_keys(monkeypatch):
    for variable in KEYS.values():
        monkeypatch.setenv(variable, KEY)
    assert os.environ["OPENAI_API_KEY"] == KEY
