"""Posts for the tests of topics: short news of invented events, told by several channels."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from tests import builders
from tgstudio_dagster.topics.cluster import Topics, find_topics
from tgstudio_dagster.topics.embed import embed

AS_OF = builders.FIRST + timedelta(hours=11)

METRO = [
    "Движение метро остановлено из-за прорыва водовода над станцией «Рыбный рынок». Закрыты пять станций.",
    "Прорыв водовода остановил метро: станция «Рыбный рынок» и ещё четыре закрыты, пассажиров выводят.",
    "Пассажиры метро застряли: водовод прорвало у станции «Рыбный рынок», движение остановлено на всей линии.",
]
BANK = [
    "The central bank of Valdoria raised its key rate to nine percent on Monday, citing inflation.",
    "Valdoria's central bank lifts key rate to nine percent as inflation refuses to slow.",
    "Inflation pushes the central bank of Valdoria to a nine percent key rate, a record.",
]
ALONE = ["Шахматный турнир перенесли на лето.", "A new bakery opens at the harbour with forty kinds of bread."]


def news() -> pl.DataFrame:
    """Two events of three posts by three channels each, and two posts of their own."""
    rows = [{"channel_id": n + 1, "text": text, "lang": "ru"} for n, text in enumerate(METRO)]
    rows += [{"channel_id": n + 11, "text": text} for n, text in enumerate(BANK)]
    rows += [{"channel_id": n + 21, "text": text} for n, text in enumerate(ALONE)]
    return builders.messages(*rows)


def texts(*given: str, **columns: Any) -> pl.DataFrame:
    """A post of a channel of its own for each text."""
    return builders.messages(*({"channel_id": n + 1, "text": text, **columns} for n, text in enumerate(given)))


def found(messages: pl.DataFrame, as_of: datetime = AS_OF) -> Topics:
    """The topics of these posts alone."""
    return find_topics(messages, embed(messages, messages), as_of)
