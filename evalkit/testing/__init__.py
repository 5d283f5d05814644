"""The fault bench, for evalkit's own tests and for authors of plug-ins.

`evalkit.testing.contracts` holds the test classes a backend or a metric has to pass; it needs pytest.
"""

from evalkit.testing.behaviours import (
    EMBEDDINGS_PATH,
    Asked,
    Behaviour,
    Rule,
    answers,
    cuts,
    drips,
    echoes,
    embeds,
    empty_body,
    endless,
    error_in_200,
    fails,
    gzip_bomb,
    half_json,
    hangs,
    html,
    resets,
)
from evalkit.testing.clock import VirtualClock
from evalkit.testing.kill_driver import KillDriver, Killed
from evalkit.testing.ledger import Entry, Ledger
from evalkit.testing.scripted_server import ScriptedServer

__all__ = [
    "EMBEDDINGS_PATH",
    "Asked",
    "Behaviour",
    "Entry",
    "KillDriver",
    "Killed",
    "Ledger",
    "Rule",
    "ScriptedServer",
    "VirtualClock",
    "answers",
    "cuts",
    "drips",
    "echoes",
    "embeds",
    "empty_body",
    "endless",
    "error_in_200",
    "fails",
    "gzip_bomb",
    "half_json",
    "hangs",
    "html",
    "resets",
]
