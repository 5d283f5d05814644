"""The documents of a finished run, one set for each verdict."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

_FACTORY = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("documents.py"))))


@pytest.fixture(scope="session")
def documents():
    return _FACTORY


@pytest.fixture
def ship(documents):
    return documents.make_documents("ship", n=60)


@pytest.fixture
def dont_ship(documents):
    return documents.make_documents("dont_ship", n=60)
