"""`evalkit run`: ask both sides everything, score, compare, decide, report."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field, structs, to_builtins

from evalkit.errors import EntryError, InvalidEvidence, UsageError
from evalkit.jobs.running import judges
from evalkit.jobs.running.asking import Asking
from evalkit.jobs.running.checks import refuse_unreadable
from evalkit.jobs.running.finish import Finished, finish, finish_refused
from evalkit.jobs.running.known_ids import refuse_unknown_ids
from evalkit.jobs.running.metrics import build_metrics
from evalkit.jobs.running.pairs import Answers, Story
from evalkit.jobs.running.resume import how_to_go_on, origin, refuse_changed, resuming, told_how_to_go_on
from evalkit.jobs.running.sides import located, opened, parts, placed
from evalkit.jobs.running.silent import refuse_silence
from evalkit.jobs.running.two_models import audited, probed, reason_of, refuse_one_model
from evalkit.plugins import backend_names, check_types, metric_types
from evalkit.protocols import Metric
from evalkit.run import identity
from evalkit.run.clock import SystemClock
from evalkit.run.gauges import watching
from evalkit.run.interrupts import stopping
from evalkit.run.plan import Part
from evalkit.run.probe import Probe
from evalkit.run.progress import Progress
from evalkit.run.spending import Limits
from evalkit.store.cache import Cache
from evalkit.store.home import RunLock, home, new_run_id, run_folder
from evalkit.store.journal import Journal
from evalkit.suites.load import Known, as_guard, load_suite, tree_of
from evalkit.types import AGAIN, Reason, Suite
from evalkit.types.table import ScoreTable

if TYPE_CHECKING:
    from evalkit.jobs.judging.in_run import Work

LATEST = "latest"
FREE_BACKENDS = frozenset({"local", "outputs"})
"""Asking them is never paid for."""


class RunOptions(Struct, frozen=True, kw_only=True):
    """What the command line asks of a run."""

    suite_path: Path
    command: str
    out: Path = Path("reports")
    overrides: tuple[str, ...] = ()
    limit: int | None = None
    resume: str | None = None
    """A run id, or "latest" for the newest unfinished run of this suite."""
    use_cache: bool = True
    max_usd: float | None = None
    max_requests: int | None = None
    max_tokens: int | None = None
    has_noise_floor: bool = False
    """Ask the first baseline a second time."""


class Loaded(Struct, frozen=True, kw_only=True):
    """The suites of a run, checked, with their metrics; the main one first."""

    main: Suite
    guards: Mapping[str, Suite]
    """By the path the guard names."""
    metrics: Mapping[str, Mapping[str, Metric]]
    """suite name → metric name → metric"""

    @property
    def suites(self) -> Sequence[Suite]:
        """Main first, then each guard suite once."""
        return (self.main, *self.guards.values())

    def with_noise_floor(self) -> Loaded:
        """The same with the main suite's first baseline in it a second time.

        Raises UsageError where that baseline's answers are recorded: they would not differ.
        """
        again = self.main.models[self.main.baselines[0]]
        if again.backend == "outputs":
            raise UsageError(
                f"--noise-floor asks the baseline everything a second time, and {again.place} has recorded answers "
                "(backend: outputs), which stay as they are: leave --noise-floor out, or name a model to ask"
            )
        models = {**self.main.models, AGAIN: structs.replace(again, role=AGAIN)}
        return structs.replace(self, main=structs.replace(self.main, models=models))


def load_all(path: Path, *, overrides: Sequence[str] = (), limit: int | None = None) -> Loaded:
    """The suite at `path` and the suites its guards name. Raises UsageError with every mistake found."""
    known = Known(backends=backend_names(), metric_types=metric_types(), check_types=check_types())
    main = load_suite(path, overrides=overrides, limit=limit, known=known)
    guards: dict[str, Suite] = {}
    for spec in main.gate.guards:
        if spec.suite is not None and str(spec.suite) not in guards:
            guards[str(spec.suite)] = as_guard(load_suite(spec.suite, limit=limit, known=known), main.models)
    names = [main.name, *(suite.name for suite in guards.values())]
    if len(set(names)) < len(names):
        raise UsageError(f"{path}: the suite and its guard suites need different names, here are {', '.join(names)}")
    suites = (main, *guards.values())
    if not main.is_part:
        tree = tree_of(path)
        recorded = [side.path for side in main.models.values() if side.path is not None]
        refuse_unknown_ids({tree.show(file): file for file in recorded}, suites)
    metrics = {suite.name: build_metrics(suite, overrides if suite is main else ()) for suite in suites}
    cautions = dict.fromkeys(told for one in metrics[main.name].values() for told in getattr(one, "cautions", ()))
    main = structs.replace(main, warnings=(*main.warnings, *cautions))
    return Loaded(main=main, guards=guards, metrics=metrics)


def run(options: RunOptions, progress: Progress) -> Finished:
    """The whole job; blocks until it is done.

    Raises UsageError before anything is asked, ExecutionError or Interrupted with everything answered so far kept.
    """
    loaded = load_all(options.suite_path, overrides=options.overrides, limit=options.limit)
    _refuse_early(options, loaded)
    if options.has_noise_floor:
        loaded = loaded.with_noise_floor()
    judges.refuse_early(loaded.suites, loaded.metrics, _first(options.max_usd, loaded.main.run.max_usd))
    started = time.time()
    run_id = (_unfinished(options, loaded.main) if options.resume else None) or new_run_id()
    folder = options.out / loaded.main.name / run_id
    with told_how_to_go_on(options.command, run_id):
        try:
            asked = asyncio.run(_asked(options, loaded, run_id, progress))
        except UsageError as error:
            raise placed(error, options.suite_path, options.overrides) from error
        except EntryError as error:
            raise located(error, loaded.main.models, options.suite_path, options.overrides) from error
        if asked.is_refused:
            return finish_refused(loaded.main, asked.story, folder)
        story = structs.replace(
            asked.story,
            probes={name: to_builtins(seen) for name, seen in asked.probes.items()},
            timings={
                **asked.story.timings,
                "started": asked.story.created,
                "wall_s": round(time.time() - started, 2),
            },
        )

        def audit(name: str, table: ScoreTable) -> tuple[tuple[Reason, ...], tuple[str, ...]]:
            return audited(asked.main.against(name), table, asked.probes.get(name))

        is_slow = any(s.training_data and s.hygiene.semantic for s in loaded.suites)
        progress.on_note(f"scoring and comparing{', and looking for paraphrases (checks.semantic)' if is_slow else ''}")
        with RunLock(run_folder(run_id)), Journal.open(run_folder(run_id) / "journal.sqlite") as journal:
            answers = [
                Answers(suite=s, metrics=loaded.metrics[s.name], outcomes=functools.partial(journal.read, s.name))
                for s in loaded.suites
            ]
            graded, story = judges.with_grades(asked.judges, answers, story, journal, folder)
            finished = finish(graded[0], dict(zip(loaded.guards, graded[1:], strict=True)), story, folder, audit)
            # Only now: a run that died while it was written is one to go on with.
            journal.set_meta({"finished": True})
    return finished


def _refuse_early(options: RunOptions, loaded: Loaded) -> None:
    """Raises UsageError for what would only come out after everything was asked and paid for."""
    place = next(path for path in (options.out, *options.out.absolute().parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise UsageError(
            f"reports cannot be written to {options.out}: {place} is read-only or no folder; name another: --out FOLDER"
        )
    suite = loaded.main
    capped = _first(options.max_usd, suite.run.max_usd)
    for role, side in suite.models.items():
        if capped is not None and side.price is None and side.backend not in FREE_BACKENDS:
            raise UsageError(
                f"a cap of {capped:g} USD cannot be kept: {side.place}.price says nothing about what the {role} costs "
                "(price: {input: …, output: …}, USD per million tokens); --max-tokens and --max-requests need no price"
            )
    for one in loaded.suites:
        refuse_unreadable(one)


class Asked(Struct, frozen=True, kw_only=True):
    """What asking everything brought."""

    main: Part
    story: Story
    is_refused: bool = False
    """Nothing more was asked; `story.blocking` says why."""
    probes: Mapping[str, Probe] = field(default_factory=dict)
    """By baseline; none where there was nothing to tell apart."""
    judges: Sequence[Work] = ()


async def _asked(options: RunOptions, loaded: Loaded, run_id: str, progress: Progress) -> Asked:
    """Opens both sides and asks everything. A signal cancels it, except while the engine can stop in order."""
    with _at_the_next_pause(progress):
        models = {**loaded.main.models, **judges.models(loaded.suites, loaded.metrics)}
        async with opened(models, loaded.main.run.timeout_s, progress) as sides:
            work, panels = parts(loaded.suites, sides), judges.panels(loaded.suites, loaded.metrics, sides)
            story = Story(
                run=run_id,
                suite_file=str(options.suite_path),
                command=options.command,
                created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
                is_limited=any(suite.is_part for suite in loaded.suites),
                identities={role: side.identity for role, side in sides.items()},
                differences={n: identity.differences(work[0].against(n)) for n in loaded.main.baselines},
                next_command=resuming(options.command, run_id),
            )
            try:
                return structs.replace(await _outcomes(options, work, panels, story, progress), judges=panels)
            except InvalidEvidence as error:
                blocked = structs.replace(story, blocking=(reason_of(error),))
                return Asked(main=work[0], story=blocked, is_refused=True)


async def _outcomes(
    options: RunOptions, work: Sequence[Part], panels: Sequence[Work], story: Story, progress: Progress
) -> Asked:
    """Every outcome of the run, once all of them are in the journal."""
    folder = run_folder(story.run)
    with RunLock(folder), Journal.open(folder / "journal.sqlite") as journal:
        judges.refuse_changed(panels, journal)
        _check_origin(journal, work, options, story.run)
        refuse_one_model(work[0])
        with _cache(progress, use_cache=options.use_cache) as cache:
            limits = _limits(options, work[0])
            asking = Asking(journal=journal, cache=cache, clock=SystemClock(), limits=limits, progress=progress)
            seen = await probed(work[0], journal, cache, asking.spending, progress)
            began = time.monotonic()
            async with watching((side.backend for side in work[0].sides.values()), progress) as engines:
                with _in_order(asking, progress, last_word=how_to_go_on(options.command, story.run)):
                    await asking.ask(work)
                    refuse_silence(work, journal, progress)
                    timings = {"asking_s": round(time.monotonic() - began, 2)}
                    await judges.ask(panels, journal, asking, work[0].suite.run.concurrency)
    counted = {name: engine.summary() for name, engine in engines.items()}
    return Asked(main=work[0], story=structs.replace(story, engines=counted, timings=timings), probes=seen)


@contextlib.contextmanager
def _cache(progress: Progress, *, use_cache: bool) -> Iterator[Cache | None]:
    cache = Cache(home() / "cache.sqlite", on_trouble=progress.on_note) if use_cache else None
    try:
        yield cache
    finally:
        if cache is not None:
            cache.close()


def _limits(options: RunOptions, main: Part) -> Limits:
    wanted = main.suite.run
    return Limits(
        concurrency=wanted.concurrency or sum(side.backend.concurrency for side in main.sides.values()),
        timeout_s=wanted.timeout_s,
        max_requests=_first(options.max_requests, wanted.max_requests),
        max_tokens=_first(options.max_tokens, wanted.max_tokens),
        max_usd=_first(options.max_usd, wanted.max_usd),
    )


def _check_origin(journal: Journal, work: Sequence[Part], options: RunOptions, run_id: str) -> None:
    now = origin(work, limit=options.limit)
    then = journal.meta("origin")
    if then is None:
        planned = {
            part.suite.name: {r: len(part.suite.samples) * s.spec.generation.repeats for r, s in part.sides.items()}
            for part in work
        }
        name = work[0].suite.name
        journal.set_meta(
            {"origin": now, "suite": name, "planned": planned, "command": options.command, "finished": False}
        )
    else:
        refuse_changed(then, now, run_id, has_verdict=journal.meta("finished") is True)
        journal.verify()
        if then != now:
            journal.set_meta({"origin": now})


def _unfinished(options: RunOptions, suite: Suite) -> str:
    """The run to resume: the one named, or the newest of this suite that is not finished."""
    if options.resume != LATEST:
        run_id = Path(options.resume or "").name
        if not (run_folder(run_id) / "journal.sqlite").is_file():
            raise UsageError(f"there is no run {run_id!r} to resume in {home()}")
        return run_id
    for folder in sorted(home().glob("runs/*/journal.sqlite"), reverse=True):
        journal = Journal.open(folder)
        try:
            if journal.meta("suite") == suite.name and not journal.meta("finished"):
                return folder.parent.name
        finally:
            journal.close()
    raise UsageError(f"there is no unfinished run of {suite.name} in {home()}; start one without --resume")


def _at_the_next_pause(progress: Progress) -> contextlib.AbstractContextManager[None]:
    """A signal cancels the task this is called in."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        progress.on_stop("stopping (once more to quit at once)")
        if task is not None:
            loop.call_soon_threadsafe(task.cancel)

    return stopping(stop)


def _in_order(asking: Asking, progress: Progress, *, last_word: str) -> contextlib.AbstractContextManager[None]:
    """A signal makes the engine send nothing more and wait for what is in flight."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        progress.on_stop("stopping: waiting up to 10 s for answers already asked for (once more to quit at once)")
        # A signal's handler may not touch the loop but through this door.
        loop.call_soon_threadsafe(asking.stop)

    return stopping(stop, last_word=last_word)


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
