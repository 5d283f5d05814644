"""One finding about a suite's age: a traffic light with the figure it stands on. There is no score over several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct, field

from evalkit.types import JsonValue

Light = Literal["green", "amber", "red", "not_measured"]
ORDER: Sequence[Light] = ("not_measured", "green", "amber", "red")


class Signal(Struct, frozen=True, kw_only=True):
    """What one look at the suite found."""

    name: str
    light: Light
    sentence: str
    """What was found, for a person who has never heard of the statistic."""
    statistic: str = ""
    value: float | None = None
    """None = not measured; `sentence` says why."""
    null95: float | None = None
    """What 95 of 100 values stay below when nothing has changed, by permutation; None where there is no such null."""
    p_value: float | None = None
    amber: float | None = None
    red: float | None = None
    """The thresholds, in the statistic's own unit."""
    detail: Mapping[str, JsonValue] = field(default_factory=dict)


def unmeasured(name: str, why: str) -> Signal:
    """A signal that could not be measured: no light, and the reason."""
    return Signal(name=name, light="not_measured", sentence=why)


def above(value: float, amber: float, red: float) -> Light:
    """The light of a figure that is worse the larger it is; a threshold itself has been reached.

    >>> above(89.0, 90, 180), above(90.0, 90, 180), above(400.0, 90, 180)
    ('green', 'amber', 'red')
    """
    return "red" if value >= red else "amber" if value >= amber else "green"


def below(value: float, amber: float, red: float) -> Light:
    """The light of a figure that is worse the smaller it is; below a threshold is reached."""
    return "red" if value < red else "amber" if value < amber else "green"


def worst(signals: Sequence[Signal]) -> Light:
    """The most alarming light among them; `not_measured` where there is nothing but that."""
    return max((signal.light for signal in signals), key=ORDER.index, default="not_measured")
