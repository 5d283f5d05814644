"""`evalkit refresh`: one command a step."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evalkit.cli.app import app
from evalkit.cli.arguments import REPORTS, SuitePath, suite_file
from evalkit.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from evalkit.jobs.refresh.desk import Desk

steps = typer.Typer(
    help="Bring new samples from production into a suite: plan, sample, scrub, dedup, label, approve, release.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(steps, name="refresh")

Root = Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where refreshes are kept.")]
Date = Annotated[str | None, typer.Option("--date", help="Which refresh; left out: the newest.", show_default=False)]
ROOT = Path("refresh")
BUMPS = ("patch", "minor", "major")


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())


def _at(root: Path, date: str | None, *, planned: Path | None = None) -> AbstractContextManager[Desk]:
    """The refresh that is meant, locked; with `planned` the suite's own, begun where none is open.

    Raises UsageError where there is none yet.
    """
    from evalkit.jobs.refresh.desk import newest, newest_open, opened, unused

    if date is not None and (not date or "/" in date or date.startswith(".")):
        raise UsageError(f"--date names a folder in {root}, not {date!r}")
    if planned is not None:
        return opened(root, date or newest_open(root, planned) or unused(root, _today(), planned))
    found = date or newest(root)
    if found is None or not (root / found).is_dir():
        raise UsageError(f"there is no refresh in {root}\n  help: evalkit refresh plan SUITE --logs LOGS")
    return opened(root, found)


def _told(context: typer.Context, desk: Desk, **more: Any) -> int:
    """Prints how far the refresh has come."""
    from evalkit.jobs.refresh.unattended import status

    found = status(desk)
    lines = [f"{found.folder}", *(f"  {count:>5} {what}" for what, count in found.counts.items())]
    lines += [f"  {name.replace('_', ' ')}: {value}" for name, value in more.items() if value is not None]
    lines += [f"next: {found.next_step}"] if found.next_step else ["nothing is left to do"]
    context.obj.result(found.document() | more, "\n".join(lines))
    return 0


@steps.command()
def plan(
    context: typer.Context,
    suite: SuitePath = None,
    logs: Annotated[list[Path], typer.Option("--logs", metavar="FILE", help="Production logs; more than once.")] = [],  # noqa: B006 - typer's declaration
    size: Annotated[int, typer.Option("--size", help="How many rows to draw.")] = 50,
    since_days: Annotated[float | None, typer.Option("--since-days", help="Only rows this young.")] = None,
    approvals: Annotated[int, typer.Option("--approvals", help="How many people have to approve.")] = 1,
    rot: Annotated[Path | None, typer.Option("--rot", metavar="FILE", help="A rot.json to note in the plan.")] = None,
    root: Root = ROOT,
    date: Date = None,
) -> int:
    """Say which logs, how many rows and of which kinds."""
    from evalkit.jobs.refresh.collect import Wanted, read_rot
    from evalkit.jobs.refresh.collect import plan as make

    if not logs:
        raise UsageError("no logs were named\n  help: evalkit refresh plan SUITE --logs logs.jsonl")
    wanted = Wanted(suite=suite_file(suite), logs=logs, size=size, since_days=since_days, approvals=approvals)
    with _at(root, date, planned=wanted.suite) as desk:
        make(desk, wanted, None if rot is None else read_rot(rot))
        return _told(context, desk)


@steps.command()
def sample(context: typer.Context, root: Root = ROOT, date: Date = None) -> int:
    """Draw rows: half at random, some suspected to be wrong, some unlike the suite."""
    from evalkit.jobs.refresh.collect import sample as draw

    with _at(root, date) as desk:
        draw(desk)
        return _told(context, desk)


@steps.command()
def scrub(context: typer.Context, root: Root = ROOT, date: Date = None) -> int:
    """Replace personal data that rules find; rows where some is left are kept out."""
    from evalkit.jobs.refresh.clean import scrub as clean

    with _at(root, date) as desk:
        clean(desk)
        return _told(context, desk)


@steps.command()
def dedup(context: typer.Context, root: Root = ROOT, date: Date = None) -> int:
    """Leave out copies of the training data, of any version of the suite, of each other."""
    from evalkit.jobs.refresh.clean import dedup as clean

    with _at(root, date) as desk:
        clean(desk)
        return _told(context, desk)


@steps.command()
def label(
    context: typer.Context,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Labels: JSON lines {id, label, by}, or Label Studio's export."),
    ] = None,
    studio: Annotated[
        Path | None, typer.Option("--label-studio", metavar="DIR", help="Write the queue as Label Studio's tasks.")
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option("--prelabel", metavar="JUDGE", help="Suggest only answers of production that this judge passes."),
    ] = None,
    root: Root = ROOT,
    date: Date = None,
) -> int:
    """Write the queue for people (queue.jsonl), or take in their labels."""
    from evalkit.jobs.refresh.people import export_to_studio, queue, state, take_labels

    with _at(root, date) as desk:
        if judge is not None:
            _prelabelled(context, desk, judge)
        queue(desk)
        if source is not None:
            take_labels(desk, source)
        if studio is not None:
            context.obj.note(" and ".join(str(path) for path in export_to_studio(desk, studio)) + " written")
        found = state(desk)
        figures = {"agreement_ac1": found.ac1, "agreement_kappa": found.kappa, "labelled_by_two": found.n_double,
                   "as_production_where_shown": found.followed_shown,
                   "as_production_where_hidden": found.followed_blind}  # fmt: skip
        return _told(context, desk, **{k: round(v, 3) if v is not None else None for k, v in figures.items()})


def _prelabelled(context: typer.Context, desk: Desk, judge: str) -> None:
    from evalkit.cli.progress import Display
    from evalkit.jobs.refresh.prelabel import prelabel
    from evalkit.run.progress import Progress

    progress = Progress()
    with Display(context.obj, progress):
        rows = prelabel(desk, judge, progress)
    n = sum(row["passed"] is True for row in rows)
    context.obj.note(f"{judge} passed {n} of {len(rows)} logged answers; only these are suggested to people")


@steps.command()
def approve(
    context: typer.Context,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves.")],
    accepted: Annotated[
        str | None,
        typer.Option("--accept-agreement", metavar="REASON", help="Why labels that two did not agree on will do."),
    ] = None,
    root: Root = ROOT,
    date: Date = None,
) -> int:
    """Approve the labelled samples by name; without this nothing enters a suite."""
    from evalkit.jobs.refresh.people import approve as sign

    with _at(root, date) as desk:
        rows, missing = sign(desk, by, accepted)
        return _told(context, desk, approved=len(rows), approvals_missing=missing)


@steps.command()
def retire(
    context: typer.Context,
    ids: Annotated[list[str], typer.Option("--ids", metavar="ID", help="A sample of the suite; more than once.")],
    reason: Annotated[str, typer.Option("--reason", help="dup, pii, label_error, obsolete or saturated.")],
    label: Annotated[
        str | None, typer.Option("--label", metavar="LABEL", help="Keep the sample with this label (label_error).")
    ] = None,
    root: Root = ROOT,
    date: Date = None,
) -> int:
    """Note samples that the next version leaves out, or labels anew. Approve after this."""
    from evalkit.jobs.refresh.release import retire as note

    with _at(root, date) as desk:
        return _told(context, desk, retired=len(note(desk, ids, reason, label)))


@steps.command()
def release(
    context: typer.Context,
    bump: Annotated[str, typer.Option("--bump", metavar="patch|minor|major", help="How much changes.")] = "minor",
    root: Root = ROOT,
    date: Date = None,
) -> int:
    """Make the new version of the suite, in versions/ beside it."""
    from evalkit.jobs.refresh.release import release as make

    if bump not in BUMPS:
        raise UsageError(f"--bump takes {', '.join(BUMPS)}; not {bump!r}")
    with _at(root, date) as desk:
        found = make(desk, bump)  # type: ignore[arg-type]  # one of BUMPS
        return _told(context, desk, version=found["version"], suite=found["suite"], added=found["added"],
                     retired=found["retired"])  # fmt: skip


@steps.command()
def bridge(
    context: typer.Context,
    reports: Annotated[Path, typer.Option("--reports", metavar="DIR", help="The folder of finished runs.")] = REPORTS,
    root: Root = ROOT,
    date: Date = None,
) -> int:
    """Tell what the new samples alone change, by models that ran on both versions; until then, what to run."""
    from evalkit.jobs.refresh.bridging import bridge as make

    with _at(root, date) as desk:
        document = make(desk, reports)
        context.obj.result(document, document["text"].removesuffix("\n"))
    return 0


@steps.command()
def run(
    context: typer.Context,
    policy: Annotated[Path, typer.Option("--policy", metavar="FILE", help="A refresh.yaml.")] = Path("refresh.yaml"),
    printed: Annotated[
        str | None,
        typer.Option("--print", metavar="cron|systemd|github|k8s", help="Print the scheduler's recipe and stop."),
    ] = None,
    summary: Annotated[
        Path | None, typer.Option("--summary", metavar="FILE", help="Also write what was found, as Markdown.")
    ] = None,
    reports: Annotated[Path, typer.Option("--reports", metavar="DIR", help="The folder of past runs.")] = REPORTS,
    root: Root = ROOT,
) -> int:
    """Do all that needs no person: up to the queue. Run again, it changes nothing."""
    from evalkit.jobs.refresh.policy import read_policy, recipe
    from evalkit.jobs.refresh.unattended import unattended
    from evalkit.store.files import write_atomic

    if printed is not None:
        text = recipe(printed, policy)
        context.obj.result({"schema": "evalkit.refresh/1", "recipe": printed, "text": text}, text.removesuffix("\n"))
        return 0
    found, words = unattended(read_policy(policy), root, _today(), reports)
    if found.note:
        context.obj.note(found.note)
    if summary is not None:
        write_atomic(summary, words.encode("utf-8", "backslashreplace"))
    lines = [f"{found.folder}", *(f"  {count:>5} {what}" for what, count in found.counts.items())]
    lines.append(f"next, by a person: {found.next_step}" if found.next_step else "nothing is left to do")
    context.obj.result(
        found.document(), f"{found.folder}: {found.next_step}" if context.obj.is_quiet else "\n".join(lines)
    )
    return 0
