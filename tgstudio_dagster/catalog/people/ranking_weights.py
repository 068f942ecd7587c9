"""The weights of the ranking formula, as a model: what a tenant may set, the shipped values, and parsing `name=value`.

The formula is in topics/rank.py, the engagement of a post in topics/counters.py. Nothing heavy is imported here: settings and the
command line need this model at their start.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tgstudio_dagster.core.errors import FieldError, SettingsError

COUNTERS = ("views", "forwards", "reactions", "comments")


class RankingWeights(BaseModel):
    """The ranking formula's numbers. The defaults are those of topics/rank.py, which names their sources."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    views: float = Field(default=0.5, ge=0, description="Weight of views in engagement.")
    forwards: float = Field(default=0.25, ge=0, description="Weight of forwards in engagement.")
    reactions: float = Field(default=0.15, ge=0, description="Weight of reactions in engagement.")
    comments: float = Field(default=0.1, ge=0, description="Weight of comments in engagement.")
    smoothing: float = Field(default=5.0, gt=0, description="Added to a counter before it is compared.")
    least: float = Field(default=-2.0, le=0, description="A counter's term is at least this (doublings).")
    most: float = Field(default=4.0, ge=0, description="A counter's term is at most this (doublings).")
    engagement: float = Field(default=1.0, ge=0, description="How much engagement above the usual counts.")
    audience: float = Field(default=1.0, ge=0, description="Power of a channel's audience; 0 makes all channels equal.")
    half_life_24h: float = Field(default=12.0, gt=0, description="Hours in which a post of the 24h window counts half.")
    half_life_7d: float = Field(default=60.0, gt=0, description="Hours in which a post of the 7d window counts half.")
    trend: float = Field(default=0.5, ge=0, description="How much a rising number of posts counts; 0 leaves it out.")
    wide_first: bool = Field(default=True, description="Topics of two channels and more rank before the others.")

    def changed(self, settings: Iterable[str]) -> Self:
        """These weights with some set anew, each as `name=value`.

        Raises SettingsError that names the weight and what it may be.
        """
        values: dict[str, str] = {}
        for setting in settings:
            name, separator, value = (part.strip() for part in setting.partition("="))
            if not separator or name not in type(self).model_fields:
                names = ", ".join(type(self).model_fields)
                raise SettingsError(f"{setting!r}: write name=value, with a name among {names}.")
            values[name] = value
        try:
            return type(self).model_validate({**self.model_dump(), **values})
        except ValidationError as error:
            first = error.errors()[0]
            raise FieldError(str(first["loc"][0]), f"{first['input']!r} won't do; {first['msg'].lower()}.") from error

    def differences(self, other: RankingWeights) -> str:
        """What differs in `other`, as `views .5 → .2`; empty where nothing does."""
        ours, theirs = self.model_dump(), other.model_dump()
        return ", ".join(f"{name} {ours[name]} → {theirs[name]}" for name in ours if ours[name] != theirs[name])


SHIPPED = RankingWeights()
