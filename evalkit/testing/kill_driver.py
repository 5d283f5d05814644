"""Kills a command at a chosen answer, not at a chosen moment: the server's ledger says when."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from evalkit.testing.scripted_server import ScriptedServer


class Killed(Struct, frozen=True, kw_only=True):
    """One child's life, as the server and the system saw it."""

    returncode: int
    """-9 when the kill ended it."""
    at: int
    """The number of answered chat requests at which it was to be killed."""
    answered: int
    """How many had been answered when its end was certain."""
    sent: int
    """How many chat requests it sent."""
    output: str
    """stdout and stderr together."""

    @property
    def is_vacuous(self) -> bool:
        """The command ended by itself before the kill: this run proves nothing."""
        return self.returncode != -signal.SIGKILL


class KillDriver:
    """Runs a command against a ScriptedServer and kills it with SIGKILL at a random answer.

    Only the command itself is killed, so that what it leaves behind can be looked at; processes of its session that
    still live after `grace_s` are ended and reported in `orphans`.
    """

    def __init__(
        self,
        command: Sequence[str],
        server: ScriptedServer,
        *,
        rng: random.Random,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._command = tuple(command)
        self._server = server
        self._rng = rng
        self._env = None if env is None else {**os.environ, **env}
        self._cwd = cwd
        self.orphans: list[int] = []
        """Process ids that outlived the killed command."""

    def kill_within(self, answers: int, *, timeout_s: float = 60.0, grace_s: float = 2.0) -> Killed:
        """Starts the command and kills it at a random one of its next `answers` answers (1 to `answers`).

        Raises TimeoutError when it neither ends nor gets there within `timeout_s`.
        """
        ledger = self._server.ledger
        before, sent_before = ledger.completed, len(ledger.chats)
        at = self._rng.randint(1, answers)
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            child = self._start(log.fileno())
            deadline = time.monotonic() + timeout_s
            while child.poll() is None and not ledger.wait_for(lambda seen: seen.completed - before >= at, 0.05):
                if time.monotonic() > deadline:
                    child.kill()
                    child.wait()
                    raise TimeoutError(f"{ledger.completed - before} of {at} answers after {timeout_s:g} s")
            child.kill()
            child.wait()
            self._end_orphans(child.pid, grace_s)
            log.seek(0)
            output = log.read()
        return Killed(
            returncode=child.returncode,
            at=at,
            answered=ledger.completed - before,
            sent=len(ledger.chats) - sent_before,
            output=output,
        )

    def finish(self, *, timeout_s: float = 120.0) -> Killed:
        """Runs the command to its end. Raises subprocess.TimeoutExpired when it does not come."""
        ledger = self._server.ledger
        before, sent_before = ledger.completed, len(ledger.chats)
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            child = self._start(log.fileno())
            try:
                child.wait(timeout_s)
            finally:
                child.kill()
                child.wait()
            log.seek(0)
            output = log.read()
        answered = ledger.completed - before
        sent = len(ledger.chats) - sent_before
        return Killed(returncode=child.returncode, at=answered, answered=answered, sent=sent, output=output)

    def _start(self, log: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - the test's own command
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=self._env,
            cwd=self._cwd,
            start_new_session=True,
        )

    def _end_orphans(self, session: int, grace_s: float) -> None:
        """Waits for the rest of the child's session to end, then ends it and keeps its process ids."""
        deadline = time.monotonic() + grace_s
        while (living := _session_members(session)) and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in living:
            self.orphans.append(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _session_members(session: int) -> list[int]:
    """Process ids of a session, from /proc; zombies do not count. Empty where there is no /proc."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold blanks; the state and ids follow the last one (proc(5)).
            state, _, _, sid = stat.read_text("utf-8", "replace").rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(sid) == session and state != "Z":
            members.append(int(stat.parent.name))
    return members
