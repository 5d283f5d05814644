"""refresh.yaml: what a scheduled refresh brings and how often, and its recipes for schedulers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct

from evalkit.errors import Diagnostic, UsageError
from evalkit.jobs.refresh.collect import DEFAULT_SIZE, Wanted
from evalkit.suites.diagnostics import did_you_mean
from evalkit.suites.files import MAX_TEXT_BYTES, decode, read_bytes
from evalkit.suites.yaml_source import Loc, Source, parse

_KEYS = ("suite", "logs", "size", "since_days", "approvals")


class Policy(Struct, frozen=True, kw_only=True):
    """A refresh.yaml, read and checked."""

    path: Path
    wanted: Wanted
    """Paths as they are from the current directory."""


def read_policy(path: Path) -> Policy:
    """The policy at `path`; its paths are taken from its own folder. Raises UsageError, located, with every mistake."""
    source = parse(decode(read_bytes(path, str(path), MAX_TEXT_BYTES), str(path)), str(path))
    value, found = source.value, list(source.problems)
    for key in value:
        if key not in _KEYS:
            what = f"unknown key {key[:60]!r}{did_you_mean(key, _KEYS)}"
            found.append(source.diagnostic((key,), what, help=f"keys: {', '.join(_KEYS)}", on_key=True))
    logs: Any = value.get("logs")
    logs = [logs] if isinstance(logs, str) else logs
    if not isinstance(value.get("suite"), str):
        found.append(source.diagnostic(("suite",), "suite: the path of a suite.yaml is wanted"))
    if not isinstance(logs, list) or not logs or not all(isinstance(one, str) for one in logs):
        found.append(source.diagnostic(("logs",), "logs: a file, or a list of files, is wanted"))
    for key, least in (("size", 1), ("approvals", 1)):
        found += _not_whole(source, (key,), value.get(key, least), least)
    since = value.get("since_days")
    if since is not None and (isinstance(since, bool) or not isinstance(since, int | float) or since <= 0):
        found.append(source.diagnostic(("since_days",), "since_days: a number of days above 0 is wanted"))
    if found:
        raise UsageError(diagnostics=tuple(found))
    wanted = Wanted(
        suite=path.parent / value["suite"],
        logs=tuple(path.parent / one for one in logs),
        size=value.get("size", DEFAULT_SIZE),
        since_days=since,
        approvals=value.get("approvals", 1),
    )
    return Policy(path=path, wanted=wanted)


def recipe(name: str, policy: Path) -> str:
    """The scheduler's file that runs this policy every week. Raises UsageError for a scheduler that is not known."""
    if name not in RECIPES:
        raise UsageError(f"--print takes {', '.join(RECIPES)}; not {name!r}")
    return RECIPES[name].replace("refresh.yaml", str(policy))


def _not_whole(source: Source, loc: Loc, value: Any, least: int) -> list[Diagnostic]:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        return [source.diagnostic(loc, f"{loc[0]}: a whole number of at least {least} is wanted")]
    return []


# Minute 17: at the full hour GitHub's queue is long and runs start late or not at all.
_CRON = """\
# Every Monday at 06:17: is the suite still good, and new samples up to the queue for people.
# crontab -e, with the folder of the suite in place of /srv/evals; a mail is sent when something is printed.
MAILTO=you@example.org
17 6 * * 1  cd /srv/evals && evalkit refresh run --policy refresh.yaml -q
"""
_SYSTEMD = """\
# ~/.config/systemd/user/evalkit-refresh.service
[Unit]
Description=New samples for the suite, up to the queue for people

[Service]
Type=oneshot
WorkingDirectory=/srv/evals
ExecStart=/usr/bin/env evalkit refresh run --policy refresh.yaml

# ~/.config/systemd/user/evalkit-refresh.timer
# systemctl --user enable --now evalkit-refresh.timer
[Unit]
Description=Every Monday morning

[Timer]
OnCalendar=Mon *-*-* 06:17:00
Persistent=true

[Install]
WantedBy=timers.target
"""
_GITHUB = """\
# .github/workflows/refresh.yml: a file of its own, because GitHub switches a schedule off, and every other trigger in
# the same file with it, after 60 days without activity in the repository. Schedules run on the default branch, in UTC.
# It pushes what rules have scrubbed and no person has read yet: names and street addresses are still in it. For private
# repositories only.
name: refresh
on:
  schedule:
    - cron: "17 6 * * 1"
  workflow_dispatch: {}
permissions:
  contents: write
  pull-requests: write
jobs:
  refresh:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.12"}
      - name: Install
        run: pip install evalkit-gate
      - name: New samples, up to the queue for people
        run: evalkit refresh run --policy refresh.yaml --summary "$RUNNER_TEMP/refresh.md"
      - name: Ask people to label them
        env: {GH_TOKEN: "${{ github.token }}"}
        run: |
          branch="refresh-$(date -u +%F)"
          git switch -c "$branch"
          git add refresh
          git diff --cached --quiet && exit 0
          git -c user.name=evalkit -c user.email=evalkit@users.noreply.github.com commit -m "New samples to label"
          git push origin "$branch"
          gh pr create --title "New samples to label" --body-file "$RUNNER_TEMP/refresh.md"
"""
_K8S = """\
# kubectl apply -f refresh-cronjob.yaml; the volume holds the suite, its logs and refresh/.
apiVersion: batch/v1
kind: CronJob
metadata:
  name: evalkit-refresh
spec:
  schedule: "17 6 * * 1"
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      backoffLimit: 1
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: refresh
              image: python:3.12-slim
              workingDir: /srv/evals
              command: ["/bin/sh", "-ec"]
              args:
                - |
                  pip install --quiet evalkit-gate
                  evalkit refresh run --policy refresh.yaml
              volumeMounts:
                - {name: evals, mountPath: /srv/evals}
          volumes:
            - name: evals
              persistentVolumeClaim: {claimName: evals}
"""
RECIPES = {"cron": _CRON, "systemd": _SYSTEMD, "github": _GITHUB, "k8s": _K8S}
