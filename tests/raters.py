"""People who rate: the file a rating page would download, made without a browser, and a run for them to rate."""

import hashlib
import json
import runpy
from pathlib import Path
from types import SimpleNamespace

from evalkit.jobs.rating.rate import Asked, make_page
from evalkit.jobs.recorded import find_run

documents = SimpleNamespace(**runpy.run_path(str(Path(__file__).parent / "unit" / "report" / "documents.py")))


def write_run(folder, status="ship", n=120, change=None):
    """A finished run in `folder`; `change(rows)` may alter the samples first."""
    verdict, rows, manifest = documents.make_documents(status, n=n)
    verdict["run"] = folder.name
    if change is not None:
        change(rows)
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_text(json.dumps(verdict))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def make(folder, **asked):
    """The page of the run in `folder`, and its key."""
    return make_page(str(folder), Path("reports"), Asked(**asked)).key


def samples(folder):
    return {row["id"]: row for row in find_run(str(folder)).rows()}


def choice(showing, prefers):
    """What somebody clicks who prefers `candidate`, `baseline`, or says something else."""
    return {showing.left: "left"}.get(prefers, "right") if prefers in {"candidate", "baseline"} else prefers


def rated(key, prefers, limit=None):
    """(item, choice) for the page's comparisons in order; `prefers`: a side, `same`, `both_bad`, or showing → these."""
    said = (lambda _: prefers) if isinstance(prefers, str) else prefers
    return [(showing.item, choice(showing, said(showing))) for showing in key.showings[:limit]]


def download(batch, rater, ratings, *, browser="b1", ms=9000, note="", end=True):
    """The file as the page writes it."""
    chain, lines = batch, []
    bodies = [
        {"v": 1, "kind": "rating", "batch": batch, "item": item, "choice": said, "ms": ms, "note": note}
        for item, said in ratings
    ]
    if end:
        bodies.append({"v": 1, "kind": "end", "batch": batch, "rater": rater, "browser": browser})
    for body in bodies:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        chain = hashlib.sha256(f"{chain}\n{text}".encode()).hexdigest()
        lines.append(f'{text[:-1]},"chain":"{chain}"}}\n')
    return "".join(lines).encode()
