import re
from importlib import resources

import pytest

CSS = resources.files("evalkit.report").joinpath("assets", "report.css").read_text(encoding="utf-8")
TINTS = ("ship-tint", "dont-tint", "open-tint", "invalid-tint", "error-tint")
PAIRS = [
    *((ink, ground) for ink in ("ink", "soft", "up", "down") for ground in ("paper", "card", "select")),
    *((ink, tint) for ink in ("ink", "soft") for tint in TINTS),
    *((name, f"{name}-tint") for name in ("ship", "dont", "open", "invalid", "error")),
    *((name, "paper") for name in ("ship", "dont", "open", "invalid", "error", "flat")),
    ("up", "dont-tint"),
    ("down", "dont-tint"),
    ("ink", "added"),
    ("ink", "removed"),
    ("paper", "ink"),
]


def theme(name):
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[{"light": 0, "dark": 1}[name]]))


def luminance(colour):
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_can_be_read(name, ink, ground):
    colours = theme(name)
    assert contrast(colours[ink], colours[ground]) >= 4.5


def test_the_measure_itself_knows_black_and_white():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_no_colour_is_written_outside_the_themes():
    rest = re.sub(r":root \{.*?\}", "", CSS, flags=re.DOTALL)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[;, )])", rest) == []
