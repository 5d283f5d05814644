"""`evalkit run`."""

from __future__ import annotations

from typing import Annotated

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import REPORTS, InconclusiveAs, Out, Overrides, SuitePath, command_line, suite_file, told


@app.command()
def run(
    context: typer.Context,
    suite: SuitePath = None,
    run_id: Annotated[str | None, typer.Argument(metavar="RUN", help="With --resume: the run to go on with.")] = None,
    overrides: Overrides = [],  # noqa: B006 - typer reads the default once and copies it
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only N random samples; decides nothing.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with this suite's newest unfinished run.")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Ask everything anew.")] = False,
    noise_floor: Annotated[
        bool, typer.Option("--noise-floor", help="Ask the baseline twice: how far it moves against itself.")
    ] = False,
    max_usd: Annotated[float | None, typer.Option("--max-usd", min=0.0, help="Stop at this spend.")] = None,
    max_requests: Annotated[
        int | None, typer.Option("--max-requests", min=0, help="Stop after so many requests sent by this command.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=0, help="Stop after so many tokens.")] = None,
    out: Out = REPORTS,
    inconclusive_as: InconclusiveAs = None,
) -> int:
    """Ask both models, score, compare, decide, report."""
    from evalkit.cli.progress import Display
    from evalkit.cli.streams import aside
    from evalkit.errors import UsageError
    from evalkit.jobs.running.run import LATEST, RunOptions
    from evalkit.jobs.running.run import run as run_suite
    from evalkit.run.progress import Progress

    if resume and run_id is None and suite is not None and not suite.exists():
        suite, run_id = None, str(suite)  # `evalkit run --resume RUN`, beside suite.yaml
    if run_id is not None and not resume:
        raise UsageError(f"what is {run_id!r}? A run is only named together with --resume")
    options = RunOptions(
        suite_path=suite_file(suite),
        command=command_line(),
        out=out,
        overrides=tuple(overrides),
        limit=limit,
        resume=(run_id or LATEST) if resume else None,
        use_cache=not no_cache,
        max_usd=max_usd,
        max_requests=max_requests,
        max_tokens=max_tokens,
        has_noise_floor=noise_floor,
    )
    progress = Progress()
    with Display(context.obj, progress), aside():
        finished = run_suite(options, progress)
    return told(context.obj, finished.document, finished.folder, inconclusive_as)
