"""How long it takes to hold a log of production against a suite.

    python benchmarks/rot.py [--rows 1000000] [--words 20]

writes a suite of 300 samples and so many log rows below the temp folder, runs `evalkit rot` once in a process of its
own, and prints its time and memory beside those of a plain loop that only decodes the same rows.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from processes import evalkit, plain_environment, run, successful
from workload import Texts, label_of

SAMPLES = 300
LOOP = "import json, sys\nfor line in open(sys.argv[1], encoding='utf-8'):\n    json.loads(line)"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--words", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evalkit-bench-rot-") as name:
        folder = Path(name)
        suite, logs = _written(folder, arguments.rows, arguments.words)
        size_mb = logs.stat().st_size / 1e6
        loop = successful(run([sys.executable, "-c", LOOP, logs], cwd=folder, env=plain_environment()), "the loop")
        ended = evalkit("rot", suite, "--production", logs, folder=folder, home=folder / "home", timeout_s=900.0)
        successful(ended, "evalkit rot", codes=(0, 1))
        print(ended.out)
    print(f"{arguments.rows:,} rows of {arguments.words} words ({size_mb:.0f} MB) against {SAMPLES} samples:")
    print(f"  evalkit rot   {ended.wall_s:.1f} s, CPU {ended.cpu_s:.1f} s, peak {ended.peak_mb:.0f} MB")
    print(f"  decoding only {loop.wall_s:.1f} s, CPU {loop.cpu_s:.1f} s")


def _written(folder: Path, rows: int, words: int) -> tuple[Path, Path]:
    texts = Texts(seed=3)
    samples, logs, answers = (folder / name for name in ("samples.jsonl", "logs.jsonl", "answers.jsonl"))
    with samples.open("w", encoding="utf-8") as file:
        for n in range(SAMPLES):
            row = {"id": f"{n:05d}", "text": texts.text(words), "label": label_of(n), "at": "2026-11-01"}
            file.write(json.dumps(row) + "\n")
    with logs.open("w", encoding="utf-8") as file:
        for n in range(rows):
            file.write(json.dumps({"text": texts.text(words), "label": label_of(n), "at": "2026-11-20"}) + "\n")
    answers.write_text("".join(json.dumps({"id": f"{n:05d}", "output": "x"}) + "\n" for n in range(SAMPLES)), "utf-8")
    side = {"backend": "outputs", "path": answers.name}
    suite = folder / "suite.yaml"
    document = {
        "version": 1,
        "name": "rot",
        "dataset": {"path": samples.name, "id": "id", "prompt": "{{ text }}", "target": "label", "time": "at"},
        "models": {"baseline": side, "candidate": side},
        "metrics": [{"name": "exact", "type": "exact_match"}],
        "gate": {"primary": {"metric": "exact"}},
    }
    suite.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML, too
    return suite, logs


if __name__ == "__main__":
    main()
