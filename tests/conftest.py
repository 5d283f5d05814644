import signal
from pathlib import Path

import pytest
from bench import Bench
from hypothesis import HealthCheck, settings
from suite_folder import Folder

# How fast a busy machine draws examples says nothing about the code. A gate draws the same examples each time, so
# that unchanged code never fails it; `pytest --hypothesis-profile=explore` draws new ones.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same each time", settings.get_profile("explore"), derandomize=True)
settings.load_profile("same each time")

# A job in the background of a shell is started with Ctrl-C ignored, which evalkit respects and children inherit:
# tests that send signals would wait for ever.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--as-written", action="store_true", help="the promises at their full figures: half an hour more")


@pytest.fixture(scope="session")
def as_written(request: pytest.FixtureRequest) -> bool:
    """Whether a promise is shown at its full figure, where every run of the tests shows a smaller one."""
    return bool(request.config.getoption("--as-written"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A good suite in a folder that is the current one."""
    found = Folder(tmp_path / "work")
    monkeypatch.chdir(found.path)
    return found
