"""Why a cache cannot be opened, told apart by what a person can do about it."""

from types import SimpleNamespace

import pytest

from evalkit.errors import ExecutionError
from evalkit.store.cache import Cache


@pytest.mark.parametrize(("free", "told"), [(0, "the disk is full"), (10**9, "--no-cache runs without it")])
def test_a_full_disk_is_told_from_a_damaged_file(tmp_path, monkeypatch, free, told):
    path = tmp_path / "cache.sqlite"
    path.write_bytes(b"no database, whatever it is" * 100)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(ExecutionError, match=told):
        Cache(path)
