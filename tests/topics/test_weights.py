"""The ranking's weights as a model."""

from __future__ import annotations

import pytest

from tgstudio_dagster.catalog.people.ranking_weights import SHIPPED, RankingWeights
from tgstudio_dagster.core.errors import SettingsError


def test_words_change_weights_and_what_differs_is_told() -> None:
    other = SHIPPED.changed(["views=.2", "wide_first = false"])
    assert (other.views, other.wide_first, other.forwards) == (0.2, False, SHIPPED.forwards)
    assert SHIPPED.differences(other) == "views 0.5 → 0.2, wide_first True → False"
    assert SHIPPED.differences(SHIPPED.changed([])) == ""


@pytest.mark.parametrize("setting", ["views", "likes=1", "=1", ""])
def test_an_unknown_weight_is_named_with_those_that_there_are(setting: str) -> None:
    with pytest.raises(SettingsError, match=r"name=value.*views, forwards"):
        SHIPPED.changed([setting])


@pytest.mark.parametrize("setting", ["views=-1", "views=many", "half_life_7d=0", "trend=nan", "most=inf"])
def test_a_value_that_won_t_do_is_named(setting: str) -> None:
    with pytest.raises(SettingsError, match=setting.split("=")[0]):
        SHIPPED.changed([setting])


def test_the_shipped_counters_weigh_one_together() -> None:
    assert SHIPPED.views + SHIPPED.forwards + SHIPPED.reactions + SHIPPED.comments == pytest.approx(1)
    assert RankingWeights.model_validate_json(SHIPPED.model_dump_json()) == SHIPPED
