"""Where these numbers come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evalkit import numbers
from evalkit.report.grid import Table
from evalkit.report.read import Document, number, obj, text, words


def panel(verdict: Document, manifest: Document) -> Mapping[str, Any]:
    """Run, versions, digests and the suite as declared."""
    return {
        "lineage": lineage_table(verdict, manifest),
        "digests": digests_table(manifest),
        "declared": declared(manifest),
    }


def lineage_table(verdict: Document, manifest: Document) -> Table:
    """Where the numbers come from: run, versions, seed, fingerprints, commit, times, command."""
    provenance = dict(obj(verdict, "provenance"))
    for key in ("wall_s", "asking_s"):
        seconds = number(provenance, key)
        if seconds is not None:
            provenance[key] = numbers.duration(seconds)
    command = text(provenance, "command") or text(manifest, "command")
    provenance.pop("command", None)
    labels = {"wall_s": "wall time", "asking_s": "of that, asking both sides", "evalkit": "evalkit version"}
    rows = [("run", text(verdict, "run")), ("suite file", text(verdict, "suite_file"))]
    rows += [(labels.get(key, key.replace("_", " ")), _flat(value)) for key, value in provenance.items()]
    versions = obj(manifest, "versions")
    if versions:
        rows.append(("installed versions", ", ".join(f"{name} {words(v)}" for name, v in versions.items())))
    rows.append(("command to repeat it", command))
    return Table(rows=tuple(row for row in rows if row[1]))


def digests_table(manifest: Document) -> Table:
    """sha256 of every file the suite reads."""
    return Table(head=("file", "sha256"), rows=tuple((k, words(v)) for k, v in obj(manifest, "digests").items()))


def declared(manifest: Document) -> str:
    """The suite as its author wrote it, as indented JSON; empty when it was not recorded."""
    suite = manifest.get("suite")
    return json.dumps(suite, ensure_ascii=False, indent=2) if suite else ""


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {words(item)}" for key, item in value.items())
    return words(value)
