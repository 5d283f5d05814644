"""The guides' commands, run as they stand, and the links between the pages of docs/."""

import os
import re
import stat
import subprocess
import sys

import pytest
from bench import REPO

BLOCK = re.compile(r"<!-- run -->\n```sh\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([\w./-]+\.md)(#[\w-]+)?\)")


def headings(page):
    found = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in found}


def test_every_marked_command_of_the_guides_runs(bench):
    tool = bench.folder / "evalkit"
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m evalkit "$@"\n')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    blocks = BLOCK.findall((REPO / "docs/guides.md").read_text())
    assert len(blocks) == 3
    environment = os.environ | {
        "PATH": f"{bench.folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPO),
        "NO_COLOR": "1",
    }
    ended = subprocess.run(
        ["bash", "-e", "-c", "\n".join(blocks)],
        cwd=bench.folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "a loss of at most 2 points" in ended.stdout


@pytest.mark.parametrize("page", ["README.md", "docs/guides.md", "docs/ci.md"])
def test_links_between_pages_lead_somewhere(page):
    home = REPO / page
    for target, anchor in LINK.findall(home.read_text()):
        wanted = (home.parent / target).resolve()
        assert wanted.is_file(), target
        if anchor:
            assert anchor[1:] in headings(wanted), f"{target}{anchor}"
