from pathlib import Path

import pytest
from bench import Bench
from suite_folder import Folder


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A good suite in a folder that is the current one."""
    found = Folder(tmp_path / "work")
    monkeypatch.chdir(found.path)
    return found
