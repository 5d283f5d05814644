"""A good suite on disk, to be bent by each test."""

import shutil
from pathlib import Path

from evalkit.suites.load import load_suite

CORPORA = Path(__file__).parent / "corpora"
BASE = CORPORA / "suites" / "base"


class Folder:
    """A suite's folder: `edit` replaces text that must be there, `write` makes files, `load` loads it."""

    def __init__(self, path):
        self.path = path
        shutil.copytree(BASE, path)

    def edit(self, old, new, name="suite.yaml"):
        text = (self.path / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def write(self, name, content):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def load(self, **options):
        return load_suite(Path("suite.yaml"), **options)
