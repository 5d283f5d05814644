"""What a journal was made from, so that a run is only resumed with the same questions to the same models."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.errors import BudgetReached, ExecutionError, Interrupted, UsageError
from evalkit.fingerprint import RECIPE, fingerprint
from evalkit.run import interrupts
from evalkit.run.plan import Part
from evalkit.store.home import run_folder
from evalkit.types import Suite

CANNOT_MOVE_A_SCORE = ("description", "run", "economics", "price", "prices", "sha256")
"""Keys of suite.yaml that may change before a resume. `sha256` only repeats what the data's own digest says."""
FREE_UNTIL_A_VERDICT = "checks.semantic"
"""What else may change while a run has no verdict. It moves no answer and no score, only which samples are left out of
the verdict, and comes last: its models can fail a run in which everything was answered. Once there is a verdict, a
change here would be a way to another one."""


def suite_fingerprint(suite: Suite) -> str:
    """The fingerprint of a suite: the document as declared and every file it reads."""
    return fingerprint({"declared": suite.declared, "digests": dict(suite.digests)})


def origin(parts: Iterable[Part], *, limit: int | None) -> dict[str, Any]:
    """Everything that can move a score of this run, flat: {"dotted.place": value}."""
    flat: dict[str, Any] = {"fingerprint recipe": RECIPE, "--limit": limit}
    for part in parts:
        suite = part.suite
        flat |= {
            f"{suite.name}: {place}": value
            for place, value in _leaves(suite.declared)
            if not any(key in CANNOT_MOVE_A_SCORE for key in place.split("."))
        }
        flat |= {f"{suite.name}: file {name}": digest for name, digest in suite.digests.items()}
        flat[f"{suite.name}: data"] = suite.dataset_sha256
        for role, side in part.sides.items():
            identity = side.identity
            flat[f"{suite.name}: {role} weights"] = identity.weights_sha256
            flat[f"{suite.name}: {role} adapter"] = identity.adapter_sha256
            flat[f"{suite.name}: {role} engine"] = f"{identity.engine} {identity.engine_version}".strip()
            flat[f"{suite.name}: {role} endpoint"] = identity.endpoint
    # The suite's own file may change in a comment or in a key that cannot move a score.
    return {place: value for place, value in flat.items() if not place.endswith("suite.yaml")}


def refuse_changed(then: Mapping[str, Any], now: Mapping[str, Any], run: str, *, has_verdict: bool) -> None:
    """Raises UsageError with a field-by-field diff when a run's origin is not what it was."""
    changed = [
        f"  {place}: was {_shown(then, place)}, is {_shown(now, place)}"
        for place in sorted({*then, *now})
        if then.get(place) != now.get(place) or (place in then) != (place in now)
        if has_verdict or not _is_free(place)
    ]
    if changed:
        lines = "\n".join(changed)
        raise UsageError(
            f"run {run} cannot be resumed: what it was asked has changed since\n{lines}\n"
            "  help: undo the change, or run without --resume (answers that are still valid come from the cache)"
        )


def how_to_go_on(command: str, run: str) -> str:
    """The sentence that names the command which goes on with `run`: the one that was typed, with `--resume`.

    >>> how_to_go_on("evalkit run suite.yaml --limit 5 --resume", "20260101T000000Z-abc")
    'to go on: evalkit run suite.yaml --limit 5 --resume 20260101T000000Z-abc'
    """
    return f"to go on: {resuming(command, run)}"


def resuming(command: str, run: str) -> str:
    """The command line `command` with `--resume` and the run's id."""
    typed = [word for word in shlex.split(command) if word != "--resume" and Path(word).name != run]
    end = typed.index("--") if "--" in typed else len(typed)
    return shlex.join([*typed[:end], "--resume", *typed[end:], run])


@contextlib.contextmanager
def told_how_to_go_on(command: str, run: str) -> Iterator[None]:
    """What stops or fails in this block says how the run goes on, once it has a journal to go on from.

    A KeyboardInterrupt leaves the block as Interrupted.
    """
    try:
        try:
            yield
        except KeyboardInterrupt as error:
            raise Interrupted(interrupts.TOLD) from error
    except (ExecutionError, Interrupted) as error:
        if (run_folder(run) / "journal.sqlite").exists():
            hint = how_to_go_on(command, run)
            error.add_note(f"{hint}\n(raise that cap in it first)" if isinstance(error, BudgetReached) else hint)
        raise


def _is_free(place: str) -> bool:
    _, _, key = place.partition(": ")
    return f"{key}.".startswith(f"{FREE_UNTIL_A_VERDICT}.")


def _shown(origin_: Mapping[str, Any], place: str) -> str:
    return repr(origin_[place]) if place in origin_ else "absent"


def _leaves(value: Any, place: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{place}.{index}")
    else:
        yield place, value
