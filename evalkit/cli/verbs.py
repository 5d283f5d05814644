"""The verbs: each turns its arguments into one job's options and the job's result into output."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from evalkit.cli.app import app
from evalkit.cli.output import Output

SuitePath = Annotated[Path, typer.Argument(metavar="SUITE", help="A suite.yaml, or a folder that holds one.")]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's folder or id, or a suite's name for its newest run.")
]
Out = Annotated[Path, typer.Option("--out", help="Where reports are written.")]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override a key: --set gate.primary.min_delta=3")
]
InconclusiveAs = Annotated[
    str | None, typer.Option("--inconclusive-as", metavar="fail", help="`fail`: exit 1 instead of 3 when inconclusive.")
]

REPORTS = Path("reports")
INCONCLUSIVE, DONT_SHIP = 3, 1


@app.command()
def run(
    context: typer.Context,
    suite: SuitePath,
    overrides: Overrides = [],  # noqa: B006 - typer reads the default once and copies it
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only N random samples; decides nothing.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with this suite's newest unfinished run.")] = False,
    run_id: Annotated[str | None, typer.Argument(metavar="[RUN]", help="With --resume: the run to go on with.")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Ask everything anew.")] = False,
    max_usd: Annotated[float | None, typer.Option("--max-usd", min=0.0, help="Stop at this spend.")] = None,
    max_requests: Annotated[
        int | None, typer.Option("--max-requests", min=0, help="Stop after so many requests.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=0, help="Stop after so many tokens.")] = None,
    out: Out = REPORTS,
    inconclusive_as: InconclusiveAs = None,
) -> int:
    """Ask both models everything, score, compare, decide, write the report."""
    from evalkit.cli.progress import Display
    from evalkit.errors import UsageError
    from evalkit.jobs.run import LATEST, RunOptions
    from evalkit.jobs.run import run as run_suite
    from evalkit.run.progress import Progress

    if run_id is not None and not resume:
        raise UsageError(f"what is {run_id!r}? A run is only named together with --resume")
    options = RunOptions(
        suite_path=_suite_file(suite),
        command=shlex.join(["evalkit", *sys.argv[1:]]),
        out=out,
        overrides=tuple(overrides),
        limit=limit,
        resume=(run_id or LATEST) if resume else None,
        use_cache=not no_cache,
        max_usd=max_usd,
        max_requests=max_requests,
        max_tokens=max_tokens,
    )
    output: Output = context.obj
    progress = Progress()
    with Display(output, progress):
        finished = run_suite(options, progress)
    return _shown(output, finished.document, finished.folder, inconclusive_as)


@app.command()
def compare(
    context: typer.Context,
    baseline: Annotated[str, typer.Argument(help="A run, RUN:baseline, or a file of answers.")],
    candidate: Annotated[str, typer.Argument(help="The same for the other side.")],
    suite: Annotated[Path, typer.Option("--suite", help="The suite whose samples these answers belong to.")],
    overrides: Overrides = [],  # noqa: B006 - typer reads the default once and copies it
    out: Out = REPORTS,
    inconclusive_as: InconclusiveAs = None,
) -> int:
    """Decide from answers already recorded; asks no model anything."""
    from evalkit.jobs.compare import CompareOptions
    from evalkit.jobs.compare import compare as compare_answers

    finished = compare_answers(
        CompareOptions(
            baseline=baseline,
            candidate=candidate,
            suite_path=_suite_file(suite),
            command=shlex.join(["evalkit", *sys.argv[1:]]),
            out=out,
            overrides=tuple(overrides),
        )
    )
    return _shown(context.obj, finished.document, finished.folder, inconclusive_as)


@app.command()
def gate(context: typer.Context, run: RunName, out: Out = REPORTS, inconclusive_as: InconclusiveAs = None) -> int:
    """The verdict of a finished run again: one line and its exit code."""
    from evalkit.jobs.recorded import find_run
    from evalkit.report.terminal import line

    document = find_run(run, out).document
    context.obj.result(document, line(document))
    return _exit_code(context.obj, document, inconclusive_as)


@app.command()
def report(
    context: typer.Context,
    run: RunName,
    out: Out = REPORTS,
    formats: Annotated[
        str, typer.Option("--format", help="Any of html, junit, markdown, csv, separated by commas.")
    ] = "html,junit,markdown",
) -> int:
    """Render a finished run's report again, offline."""
    from evalkit.jobs.render import render_again

    written = render_again(run, out, [name.strip() for name in formats.split(",") if name.strip()])
    context.obj.result({"written": [str(p) for p in written]}, "\n".join(f"wrote {p}" for p in written))
    return 0


@app.command()
def lock(context: typer.Context, suite: SuitePath) -> int:
    """Pin the suite's data by its sha256, so that a changed file is refused."""
    from evalkit.suites.locking import lock as lock_suite

    result = lock_suite(_suite_file(suite))
    document = {"data": str(result.data_path), "sha256": result.sha256, "changed": result.is_changed}
    word = "locked" if result.is_changed else "already locked"
    context.obj.result(document, f"{word} {result.data_path} ({result.n_rows:,} rows): sha256 {result.sha256}")
    return 0


@app.command()
def schema(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="suite or verdict")] = "suite",
    write: Annotated[Path | None, typer.Option("--write", help="Write it to this file instead of stdout.")] = None,
) -> int:
    """JSON Schema of suite.yaml or verdict.json, for editors and scripts."""
    import json

    from evalkit.jobs.schemas import json_schema

    text = json.dumps(json_schema(name), indent=2)
    if write is None:
        print(text)
    else:
        from evalkit.store.files import write_atomic

        write_atomic(write, text.encode() + b"\n")
        context.obj.result({"written": str(write)}, f"wrote {write}")
    return 0


def _suite_file(path: Path) -> Path:
    return path / "suite.yaml" if path.is_dir() else path


def _shown(output: Output, document: dict[str, Any], folder: Path, inconclusive_as: str | None) -> int:
    output.verdict(document)
    output.note(f"report: {folder / 'report.html'}")
    return _exit_code(output, document, inconclusive_as)


def _exit_code(output: Output, document: dict[str, Any], inconclusive_as: str | None) -> int:
    from evalkit.errors import UsageError

    if inconclusive_as not in {None, "fail"}:
        raise UsageError(f"--inconclusive-as takes `fail`, not {inconclusive_as!r}")
    code = int(document["exit_code"])
    if code == INCONCLUSIVE and inconclusive_as == "fail":
        output.note("inconclusive counts as failed here (--inconclusive-as fail)")
        return DONT_SHIP
    return code
