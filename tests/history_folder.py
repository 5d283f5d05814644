"""A folder of finished runs, written down rather than run: what `evalkit history` reads."""

import json
from pathlib import Path

SUITE = "triage"
CODES = {"ship": 0, "dont_ship": 1, "inconclusive": 3, "invalid": 4, "error": 5}
OLD, NEW = "a" * 64, "b" * 64


class Reports:
    """reports/triage in a folder; `add` writes a run, the day of November being its name."""

    def __init__(self, folder):
        self.folder = Path(folder) / "reports" / SUITE

    def add(self, day, *, data=OLD, adapter="1" * 64, levels=(70.0, 80.0), verdict="ship", **more):
        run = f"run-{day:02d}"
        document = verdict_of(run, day, data, levels, verdict)
        document["identity"] = {
            side: model(adapter if side == "candidate" else None) for side in ("baseline", "candidate")
        }
        document["identity"]["candidate"] |= more.get("identity", {})
        document |= more.get("document", {})
        document["primary"] |= more.get("primary", {})
        place = self.folder / run
        place.mkdir(parents=True)
        (place / "verdict.json").write_text(json.dumps(document))
        if more.get("manifest", True):
            (place / "manifest.json").write_text(json.dumps(manifest_of(more)))
        if "scores" in more:
            write_samples(place, **more["scores"])
        return place


def write_samples(place, *, baseline, candidate, asked=lambda name: f"asks {name}"):
    """samples.jsonl with the two sides' scores by sample."""
    rows = [
        {"id": name, "input": asked(name), "target": "x",
         "scores": {"exact": {"baseline": baseline[name], "candidate": candidate[name]}}}
        for name in baseline
    ]  # fmt: skip
    (place / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def verdict_of(run, day, data, levels, verdict):
    delta = None if levels is None else levels[1] - levels[0]
    primary = {"metric": "exact", "n": 200, "min_delta": 5.0, "delta_points": delta}
    if levels is not None:
        primary["ci95_points"] = [max(-100.0, delta - 6), min(100.0, delta + 6)]
        for side, level in zip(("baseline", "candidate"), levels, strict=True):
            primary |= {f"{side}_points": level, f"{side}_ci95_points": [max(0.0, level - 4), min(100.0, level + 3)]}
    return {
        "schema": "evalkit.verdict/1",
        "verdict": verdict,
        "exit_code": CODES[verdict],
        "suite": SUITE,
        "run": run,
        "created": f"2026-11-{day:02d}T09:30:00+00:00",
        "reasons": [],
        "primary": primary,
        "against": "baseline",
        "provenance": {"evalkit": "0.1.0", "data_sha256": data, "suite_fingerprint": f"fp1:{data}"},
    }


def model(adapter):
    return {
        "served_model": "m",
        "weights_sha256": "c" * 64,
        "adapter_sha256": adapter,
        "engine": "e",
        "engine_version": "1",
    }


def manifest_of(more):
    metric = {"name": "exact", "type": "exact_match"} | more.get("metric", {})
    prompt = {
        "system": "Answer.",
        "template": "{{ q }}",
        "shots": 0,
        "example_messages": [{"role": "user", "content": "?"}],
    }
    return {
        "suite": {"metrics": [metric], "generation": {"temperature": 0} | more.get("generation", {}), "gate": {}},
        "prompts": {"baseline": prompt, "candidate": prompt | more.get("prompt", {})},
    }
