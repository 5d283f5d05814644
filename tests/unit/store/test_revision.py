"""The commit a folder is at, with a real git."""

import os
import subprocess

import pytest

from evalkit.store.revision import Revision, revision


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "suite.yaml").write_text("version: 1\n")
    (tmp_path / "other.txt").write_text("a\n")
    return tmp_path


def git(folder, *words):
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    return subprocess.run(["git", *identity, "-C", folder, *words], check=True, capture_output=True, text=True).stdout


def test_no_repository_and_no_commit_are_no_revision(repository, monkeypatch):
    assert revision(repository / "suite") is None
    git(repository, "init", "--quiet")
    assert revision(repository / "suite") is None
    monkeypatch.setenv("PATH", "")
    assert revision(repository / "suite") is None


def test_the_commit_and_whether_the_suite_was_changed_since(repository):
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    commit = git(repository, "rev-parse", "HEAD").strip()
    assert revision(repository / "suite") == Revision(commit, is_dirty=False)
    (repository / "other.txt").write_text("b\n")
    (repository / "suite" / "notes.txt").write_text("untracked\n")
    assert revision(repository / "suite") == Revision(commit, is_dirty=False)
    (repository / "suite" / "suite.yaml").write_text("version: 2\n")
    assert revision(repository / "suite") == Revision(commit, is_dirty=True)


def test_a_repository_cannot_make_the_look_run_a_program(repository):
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "-m", "first")
    ran = repository / "ran"
    program = repository / "monitor.sh"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")
    program.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(program))
    assert revision(repository / "suite") is not None
    assert not ran.exists()
    git(repository, "status")
    assert ran.exists(), "the repository's own program runs where nobody keeps it from running"
