"""Physical figures of a chip file: value, interval, basis and source; the unit stands in the key that holds them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Basis = Literal["measured", "simulated", "scaled", "assumed"]
# Widest figure taken: a second in nanoseconds is 1e9, a joule in picojoules 1e12; more is a slip of units.
MAX_FIGURE = 1e12


class Strict(BaseModel):
    """Base: unknown keys are faults, `true` is not 1, infinities are refused, objects are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Figure(Strict):
    """A physical figure; its unit stands in the key that holds it.

    `original` and `rule` keep what a scaled figure was scaled from, and how.
    `source` is a key of `hw_models/sources.yaml`, then, after a comma, the place in it; or `user`.
    """

    value: float = Field(ge=0, le=MAX_FIGURE, description="the nominal value, in the unit that its key names")
    low: float = Field(ge=0, le=MAX_FIGURE, description="the lower end of the interval, at most `value`")
    high: float = Field(ge=0, le=MAX_FIGURE, description="the upper end of the interval, at least `value`")
    basis: Basis = Field(description="how the figure was come by; a guess is `assumed`")
    source: str = Field(min_length=1, description="a key of hw_models/sources.yaml, or `user` for a figure of your own")
    condition: str | None = Field(default=None, description="the condition it holds under, such as the supply voltage")
    original: float | None = Field(default=None, description="the published figure that `value` was scaled from")
    rule: str | None = Field(default=None, description="the rule by which `value` follows from `original`")

    @model_validator(mode="after")
    def _ordered(self) -> Figure:
        if not self.low <= self.value <= self.high:
            raise PydanticCustomError(
                "figure_order",
                "low {low}, value {value}, high {high}",
                {
                    "low": self.low,
                    "value": self.value,
                    "high": self.high,
                    "allowed": "low <= value <= high",
                    "mend": "widen low and high until they hold the value",
                },
            )
        return self


# A figure that only a chip with `unpublished` may leave out.
Published = Figure | None


class Cost(Strict):
    """What one countable event costs."""

    energy_pj: Figure = Field(description="the energy of one such event, in picojoules")
    latency_ns: Figure = Field(description="the time that one such event takes, in nanoseconds")
