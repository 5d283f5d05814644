"""The suites that come with the repository load, and ask what their cards say."""

from pathlib import Path

import pytest

from evalkit.suites.load import as_guard, load_suite
from evalkit.suites.prompts import Renderer

SUITES = Path(__file__).parents[3] / "suites"


@pytest.mark.parametrize("path", sorted(SUITES.glob("*/suite.yaml")), ids=lambda path: path.parent.name)
def test_suite_loads_without_a_warning(path):
    suite = load_suite(path)
    assert suite.name == path.parent.name
    assert suite.warnings == ()
    assert len({sample.id for sample in suite.samples}) == len(suite.samples) >= 100
    for spec in suite.models.values():
        renderer = Renderer(spec)
        assert all(renderer.messages(sample)[-1].role == "user" for sample in suite.samples)


def test_review_triage_and_its_guard():
    main = load_suite(SUITES / "review-triage")
    (guard,) = [spec for spec in main.gate.guards if spec.suite is not None]
    asked = as_guard(load_suite(guard.suite), main.models)
    assert guard.suite == (SUITES / "general-mini" / "suite.yaml").resolve()
    assert asked.models["candidate"].adapter == main.models["candidate"].adapter
    assert asked.models["candidate"].prompt != main.models["candidate"].prompt
    assert len(main.models["baseline"].prompt.shots) == 4
    assert main.models["candidate"].prompt.shots == ()
