"""The whole command against a bare client and against peers, interleaved: every round measures each once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import workload
from figures import Row, not_measured, ratios, spread
from peers import PEERS, Peer, environment
from processes import HERE, Ended, MockServer, NotMeasuredError, evalkit, plain_environment, run, successful
from setting import CONCURRENCY, Setting

LATENCY_MS = 50.0
VERDICT = "evalkit, 2 models, whole command, against the bare client"
CPU = "evalkit's CPU per request, all included"
ROWS = ((VERDICT, "≤ 6 ×"), (CPU, "≤ 0.5 ms"))
PEER_TARGET = "≥ 4 × the time of evalkit"
BOTH = ("base", "tuned")
BARE, OWN = "bare client, 2 models", "evalkit, 2 models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One suite, and what was measured on it so far."""

    setting: Setting
    suite: Path
    count: int
    ended: dict[str, list[Ended]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    server_cpu_s: list[float] = field(default_factory=list)
    """What the mock server took for each run of the bare client."""

    @property
    def samples(self) -> Path:
        """The suite's samples."""
        return self.suite.with_name("samples.jsonl")

    def add(self, name: str, measured: Callable[[], Ended]) -> None:
        """Measures once more what is called `name`, unless it has failed before."""
        if name in self.failed:
            return
        try:
            ended = measured()
        except NotMeasuredError as error:
            self.failed[name] = str(error)
            self.setting.say(f"  {name}: not measured: {error}")
            return
        self.ended.setdefault(name, []).append(ended)
        self.setting.say(f"  {name}: {ended.wall_s:.2f} s, CPU {ended.cpu_s:.2f} s, peak {ended.peak_mb:.0f} MB")


def measure(setting: Setting) -> list[Row]:
    """evalkit, the bare client and the peers; whoever fails is a row that says why."""
    count = 300 if setting.is_quick else 2_000
    suite = workload.write_suite(setting.folder / "speed", "http://127.0.0.1:1/v1", count, concurrency=CONCURRENCY)
    scene = Scene(setting=setting, suite=suite, count=count)
    for number in range(1, setting.rounds + 1):
        setting.say(f"  round {number} of {setting.rounds}")
        scene.add(BARE, lambda: _bare(scene))
        scene.add(OWN, lambda n=number: _evalkit(scene, n))  # type: ignore[misc]
        for peer in PEERS if setting.peers else ():
            scene.add(peer.title, lambda p=peer: _peer(scene, p))  # type: ignore[misc]
    return [*_own_rows(scene), *_peer_rows(scene), *_server_rows(scene)]


def _server(scene: Scene) -> MockServer:
    return MockServer(scene.setting.server_python, latency_ms=LATENCY_MS)


def _bare(scene: Scene) -> Ended:
    with _server(scene) as server:
        command: list[str | Path] = [
            sys.executable,
            HERE / "bare.py",
            "--port",
            str(server.port),
            "--samples",
            scene.samples,
        ]
        command += ["--concurrency", str(CONCURRENCY), "--models", *BOTH]
        ended = successful(
            run(command, cwd=scene.suite.parent, env=plain_environment(), timeout_s=60), "the bare client"
        )
        _refuse_other_count(server, len(BOTH) * scene.count)
        scene.server_cpu_s.append(server.cpu_s)
    right = sum(workload.answer_of(m, n) == workload.label_of(n) for m in BOTH for n in range(scene.count))
    if json.loads(ended.out)["right"] != right:
        raise NotMeasuredError("it counted other answers than the server gave")
    return ended


def _evalkit(scene: Scene, number: int) -> Ended:
    with _server(scene) as server:
        folder = scene.suite.parent
        suite = workload.write_suite(folder, server.base_url, scene.count, concurrency=CONCURRENCY)
        ended = evalkit("run", suite, "--json", folder=folder, home=folder / f"home-{number}")
        successful(ended, "evalkit run", codes=(0, 1, 3))
        _refuse_other_count(server, len(BOTH) * scene.count)
    document = json.loads(ended.out)
    if document["primary"]["n"] != scene.count:
        raise NotMeasuredError(f"its verdict rests on {document['primary']['n']} pairs, not on {scene.count}")
    return ended


def _peer(scene: Scene, peer: Peer) -> Ended:
    assert scene.setting.peers is not None  # noqa: S101 - without peers nobody calls this
    folder = scene.setting.folder / peer.name
    with _server(scene) as server:
        command = peer.prepare(scene.setting.peers / peer.name, folder, scene.samples, server.base_url)
        ended = successful(run(command, cwd=folder, env=environment(folder)), peer.name)
        _refuse_other_count(server, scene.count)
    right = sum(workload.answer_of("base", n) == workload.label_of(n) for n in range(scene.count))
    score = peer.score(ended.out)
    if score is None or abs(score - right / scene.count) > 1e-4:
        raise NotMeasuredError(f"it counted {score} right, the server gave {right / scene.count:.4f}")
    return ended


def _refuse_other_count(server: MockServer, wanted: int) -> None:
    """Raises NotMeasuredError when fewer or many more answers were asked for than there are; evalkit also probes."""
    asked = server.counts()["arrived"]
    if not wanted <= asked <= wanted + 40:
        raise NotMeasuredError(f"the server was asked {asked} times, not {wanted}")


def _own_rows(scene: Scene) -> list[Row]:
    bare, own = scene.ended.get(BARE), scene.ended.get(OWN)
    if not own:
        why = scene.failed.get(OWN, "no round was finished")
        return [not_measured(what, target, why) for what, target in ROWS]
    requests = len(BOTH) * scene.count
    cpu = spread([1000.0 * e.cpu_s / requests for e in own])
    rows = [not_measured(*ROWS[0], scene.failed.get(BARE, "no round was finished"))]
    walls = spread([e.wall_s for e in own])
    if bare and len(bare) == len(own):
        ratio = ratios([e.wall_s for e in own], [e.wall_s for e in bare])
        alone = spread([e.wall_s for e in bare])
        rows = [
            Row(
                what=VERDICT,
                figure=f"{ratio.told(2, '×')}: {walls.told(2, 's')} against {alone.told(2, 's')}",
                target=ROWS[0][1],
                is_met=ratio.median <= 6.0,
                how=f"{requests:,} requests at {LATENCY_MS:g} ms, {CONCURRENCY} at a time, prompts of 80 words, "
                "exact_match and f1; fresh process and home; bare: raw asyncio, start included",
            )
        ]
    how = f"user and system time of evalkit and its children / {requests:,}, start and report included; server excluded"
    rows.append(Row(what=CPU, figure=cpu.told(2, "ms"), target=ROWS[1][1], is_met=cpu.median <= 0.5, how=how))
    peak = spread([e.peak_mb for e in own])
    rows.append(Row(what="evalkit's peak memory in that run", figure=peak.told(0, "MB"), how="VmHWM"))
    return rows


def _peer_rows(scene: Scene) -> list[Row]:
    own = scene.ended.get(OWN, [])
    rows = []
    for peer in PEERS:
        ended = scene.ended.get(peer.title, [])
        if not own or len(own) != len(ended):
            why = scene.failed.get(peer.title, "peers were left out" if not scene.setting.peers else "a round failed")
            rows.append(not_measured(peer.title, PEER_TARGET, why))
            continue
        ratio = ratios([e.wall_s for e in ended], [e.wall_s for e in own])
        walls = spread([e.wall_s for e in ended])
        cpu = spread([e.cpu_s for e in ended])
        cpu_ratio = ratios([e.cpu_s for e in ended], [e.cpu_s for e in own])
        rows.append(
            Row(
                what=peer.title,
                figure=f"{ratio.told(1, '×')}: {walls.told(1, 's')}; CPU {cpu.median:.1f} s, {cpu_ratio.told(1, '×')}",
                target=PEER_TARGET,
                is_met=ratio.median >= 4.0,
                how=f"{scene.count:,} samples of the same suite, one model, no verdict; whole command",
            )
        )
    return rows


def _server_rows(scene: Scene) -> list[Row]:
    bare = scene.ended.get(BARE, [])
    if not bare or len(bare) != len(scene.server_cpu_s):
        return []
    busy = ratios(scene.server_cpu_s, [e.wall_s for e in bare])
    each_ms = 1000.0 * spread(scene.server_cpu_s).median / (len(BOTH) * scene.count)
    return [
        Row(
            what="the mock server's own CPU",
            figure=f"{each_ms:.3f} ms a request: busy for {100.0 * busy.median:.0f} % of the bare client's time",
            how="one process; user and system time over wall time: it was idle for the rest",
        )
    ]
