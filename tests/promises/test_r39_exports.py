"""What a model or a data file wrote runs neither in a spreadsheet nor on a terminal.

Where no spreadsheet is started, the cells are read back with a CSV parser and judged by the rule that Excel,
LibreOffice and Google Sheets share: a cell is a formula when the first character that is not skipped is one of
= + - @, and tab and carriage return can start one (https://owasp.org/www-community/attacks/CSV_Injection).
`pytest --as-written` opens the same cells in LibreOffice, where there is one.
"""

import contextlib
import csv
import io
import json
import os
import re
import shutil
import subprocess
import threading
import unicodedata
import xml.etree.ElementTree as ET

import pytest
from bench import label_of, number_in, right_below, side
from warm import warm

from evalkit.report.table import render_csv
from evalkit.testing import ScriptedServer, answers, fails

__all__ = ["warm"]  # a fixture

FORMULAS = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1,1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    " =1+1",
    "   +1",
    "\u00a0=1+1",
    "\u2003-2",
    "\u3000@A1",
    "\u200b=1+1",
    "\u200d\u200b+1",
    "\ufeff=1+1",
    "\u2060-1",
    "\u00ad@A1",
    "\u202e=1+1",
    "\x00=1+1",
    "\x1b=1+1",
    "\u200b =1+1",
    " \u200b\t=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠A1",
    "-Infinity",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://127.0.0.1","x")',
    "=1+1\r\n=2+2",
)
HARMLESS = ("1+1", "a=b", "mail@example.org", "'quoted", "", "word", "↑", "(1)")


def starts_a_formula(cell):
    """Whether a spreadsheet might run it: it skips blanks and what it does not show."""
    if cell[:1] in {"\t", "\r", "\n"}:
        return True
    seen = "".join(c for c in cell if unicodedata.category(c) not in {"Cc", "Cf"}).lstrip()
    return unicodedata.normalize("NFKC", seen[:1]) in {*"=+-@"}


def row_of(value):
    """A sample whose every text is `value`."""
    told = {"status": "ok", "text": value, "error": value, "latency_s": 0.5, "output_tokens": 3}
    return {
        "id": value,
        "flip": "fixed",
        "slices": {value: value},
        "input": value,
        "target": {"label": value},
        "baseline": told,
        "candidate": told,
        "scores": {value: {"baseline": 0.0, "candidate": 1.0, "baseline_why": value, "candidate_why": None}},
    }


def cells(value):
    """Every cell of an export whose every text is `value`."""
    return [cell for line in csv.reader(io.StringIO(render_csv({}, [row_of(value)]))) for cell in line]


@pytest.mark.parametrize("value", FORMULAS, ids=ascii)
def test_a_formula_stays_text(value):
    assert len(FORMULAS) == 30
    assert starts_a_formula(value)
    assert not [cell for cell in cells(value) if starts_a_formula(cell)]


@pytest.mark.parametrize("value", HARMLESS)
def test_other_words_stay_as_they_are(value):
    assert cells(value)[-12:].count(value) >= 1


def in_libreoffice(soffice, folder, table):
    """(value type, text, whether it is a formula) of every cell of a CSV file, once LibreOffice has opened it."""
    (folder / "table.csv").write_text(table, encoding="utf-8", newline="")
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    # Comma, double quotes, UTF-8, from line 1: as a person who double-clicks the file confirms them.
    ways = ("--infilter=CSV:44,34,76,1", "--convert-to", "fods", "--outdir", folder)
    command = [soffice, "--headless", profile, *ways, folder / "table.csv"]
    subprocess.run(command, capture_output=True, check=True, timeout=120)
    names = {prefix: f"{{urn:oasis:names:tc:opendocument:xmlns:{prefix}:1.0}}" for prefix in ("table", "office")}
    for cell in ET.parse(folder / "table.fods").iter(f"{names['table']}table-cell"):  # noqa: S314 - LibreOffice's own
        if (kind := cell.get(f"{names['office']}value-type")) is not None:
            yield kind, "".join(cell.itertext()).strip(), f"{names['table']}formula" in cell.attrib


def test_text_stays_text_in_libreoffice(tmp_path, as_written):
    """The thirty cells, opened; a quicker test judges them by the spreadsheets' rule."""
    soffice = shutil.which("soffice") or shutil.which("libreoffice")
    if not as_written or soffice is None:
        pytest.skip("LibreOffice opens them with --as-written, where it is on the PATH")
    (tmp_path / "raw").mkdir()
    raw = io.StringIO()
    csv.writer(raw).writerows([value] for value in FORMULAS)
    witnessed = [
        text for *_, text, is_formula in in_libreoffice(soffice, tmp_path / "raw", raw.getvalue()) if is_formula
    ]
    assert len(witnessed) >= 3, "unguarded, some of them do run here"
    found = [*in_libreoffice(soffice, tmp_path, render_csv({}, [*map(row_of, FORMULAS)]))]
    assert len(found) >= len(FORMULAS) * 12
    assert not [text for _, text, is_formula in found if is_formula]
    # The latency, the tokens and the scores are numbers; nothing that was text has become one, or a date.
    assert {text for kind, text, _ in found if kind != "string"} <= {"0", "0.5", "1", "3"}


ESCAPES = (
    "\x1b[2J",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://127.0.0.1/\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1bP1$r0m\x1b\\",
    "\x1b_private\x1b\\",
    "\x1b^note\x1b\\",
    "\x1bXstring\x1b\\",
    "\x9b31mred",
    "\x9d0;title\x9c",
    "\x90q\x9c",
    "\x1bc",
    "\x1b[6n",
    "\x1b[?1049h",
    "\x1b(0",
    "\x08\x08\x08over",
    "line\rover",
    "\x07bell",
    "\u202eelbisivni\u2066\u200b",
)
DANGEROUS = frozenset([*map(chr, range(9)), *map(chr, range(0x0B, 0x20)), "\x7f", *map(chr, range(0x80, 0xA0))])
DANGEROUS_TOO = frozenset("\u200b\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(*streams):
    return not any((DANGEROUS | DANGEROUS_TOO) & set(stream) for stream in streams)


@pytest.mark.parametrize("batch", range(4))
def test_no_escape_reaches_the_terminal(bench, warm, batch):
    poison = "".join(f"{escape}mark" for escape in ESCAPES[batch * 5 : batch * 5 + 5])
    models = (f"base{poison}", "tuned")
    sides = [side(models[0], answers(right_below(10))), side("tuned", answers(lambda a: label_of(number_in(a))))]
    with ScriptedServer(sides, models=models) as server:
        entries = {
            role: {"backend": "openai_compatible", "base_url": server.base_url, "model": name}
            for role, name in zip(("baseline", "candidate"), models, strict=True)
        }
        metrics = [{"name": "exact", "type": "exact_match"}]
        suite = bench.write_suite(server.base_url, 40, models=entries, metrics=metrics, description=poison)
        run = warm.start(bench.folder, "run", suite, "--no-cache", "-v")
        assert run.wait() == 0, run.err
    assert clean(run.out, run.err)
    assert "mark" in run.out
    with ScriptedServer([side("tuned", fails(400, poison))]) as server:
        suite = bench.write_suite(server.base_url, 40)
        failed = warm.start(bench.folder, "run", suite, "--no-cache", "-v")
        assert failed.wait() == 4, failed.err
    with ScriptedServer([], models=(poison,)) as server:
        refused = warm.start(bench.folder, "run", bench.write_suite(server.base_url, 40), "--no-cache")
        assert refused.wait() == 5
        assert "mark" in refused.err
    wrong = bench.write_suite("http://127.0.0.1:9/v1", 40)
    wrong.write_text(json.dumps(json.loads(wrong.read_text()) | {poison: 1}))
    usage = warm.start(bench.folder, "run", wrong)
    assert usage.wait() == 2
    assert "mark" in usage.err
    assert clean(failed.out, failed.err, refused.out, refused.err, usage.out, usage.err)


OWN_COMMAND = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|2K|[0-9]*A)|\r")
"""What evalkit itself says to a terminal: colours, and the redrawing of the line that tells how far it is."""


def on_a_terminal(warm, folder, *arguments):
    """(exit code, everything a terminal was sent) of one command whose stdout and stderr are that terminal."""
    reading, writing = os.openpty()
    shown = []

    def read():
        while piece := os.read(reading, 65_536):
            shown.append(piece)

    def reads():
        with contextlib.suppress(OSError):  # Linux's word for "nobody holds the other end any more"
            read()

    reader = threading.Thread(target=reads)
    reader.start()
    device = os.ttyname(writing)
    settings = {"TERM": "xterm-256color", "NO_COLOR": "", "COLUMNS": "200"}
    code = warm.start(folder, *arguments, out=device, err=device, env=settings).wait()
    os.close(writing)
    reader.join(30)
    os.close(reading)
    return code, b"".join(shown).decode()


def test_none_of_twenty_escapes_reaches_a_real_terminal(bench, warm):
    assert len(set(ESCAPES)) == 20
    poison = "".join(f"{escape}mark" for escape in ESCAPES)
    models = (f"base{poison}", "tuned")
    sides = [side(models[0], answers(right_below(10))), side("tuned", answers(right_below(40)))]
    with ScriptedServer(sides, models=models) as server:
        entries = {
            role: {"backend": "openai_compatible", "base_url": server.base_url, "model": name}
            for role, name in zip(("baseline", "candidate"), models, strict=True)
        }
        suite = bench.write_suite(server.base_url, 40, models=entries, description=poison)
        code, shown = on_a_terminal(warm, bench.folder, "run", suite, "--no-cache", "-v")
    assert code == 0, shown
    assert "\x1b[" in shown, "it was not taken for a terminal"
    assert "mark" in shown
    assert not [escape for escape in ESCAPES if escape in shown]
    assert clean(OWN_COMMAND.sub("", shown))
