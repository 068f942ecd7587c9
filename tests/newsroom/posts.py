"""Two small topics, one Russian and one English, and what the newsroom makes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl

from tests.builders import messages
from tgstudio_dagster.ai.offline.writer import OfflineWriter
from tgstudio_dagster.core.vocabulary import Language
from tgstudio_dagster.newsroom.editor import edit
from tgstudio_dagster.newsroom.records.editor_result import EditorResult
from tgstudio_dagster.newsroom.sources import Subject

AS_OF = datetime(2026, 3, 9, 20, 0, tzinfo=UTC)


def at(hour: int, minute: int, day: int = 9) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def russian_topic() -> pl.DataFrame:
    return messages(
        {
            "channel_id": 1,
            "channel": "gorod_live",
            "channel_title": "Город LIVE",
            "msg_id": 10,
            "date": at(4, 5),
            "lang": "ru",
            "version": 2,
            "hashtags": ["метро"],
            "text": "🚇 Зелёная ветка метро остановлена из-за прорыва трубы. На «Рыбном рынке» с 6:40 льёт с потолка, "
            "пассажиров выводят наверх.\n\nПодписывайтесь на наш канал! @gorod_live",
        },
        {
            "channel_id": 2,
            "channel": "mir_news",
            "channel_title": "Мир сегодня",
            "msg_id": 77,
            "date": at(4, 46),
            "lang": "ru",
            "hashtags": ["метро", "северогорск"],
            "text": "В Северогорске частично остановлено движение метро. По закрытой линии ежедневно ездят около "
            "180 тысяч пассажиров. Подробнее: https://mir.example/metro #Северогорск",
        },
        {
            "channel_id": 3,
            "channel": "biznes",
            "channel_title": "Деловой час",
            "msg_id": 5,
            "date": at(5, 41),
            "lang": "ru",
            "text": "Авария может обойтись городу в 40–45 млн крон, подсчитал экономист Вадим Рощин. По закрытой линии "
            "метро ежедневно ездят около 210 тысяч пассажиров, уточнил он.",
        },
        {
            "channel_id": 4,
            "channel": "sport",
            "channel_title": "Спорт Пульс",
            "msg_id": 9,
            "date": at(7, 30),
            "lang": "ru",
            "forwarded_from": "Город LIVE",
            "text": "Зелёная ветка метро остановлена из-за прорыва трубы.",
        },
    )


def english_topic() -> pl.DataFrame:
    return messages(
        {
            "channel_id": 1,
            "channel": "harbour",
            "channel_title": "Harbour City Daily",
            "msg_id": 31,
            "date": at(7, 32),
            "text": "The first ship has sailed from the new Eastquay terminal with 740 people aboard. "
            "Doors are open to the public until 18:00.",
        },
        {
            "channel_id": 2,
            "channel": "worldbrief",
            "channel_title": "World Brief",
            "msg_id": 8,
            "date": at(8, 16),
            "text": "Port Lenmark on Monday opened a €412 million ferry terminal at Eastquay. "
            '"We built it a metre higher," said Mayor Tessa Varnholt.',
        },
    )


TOPIC = Subject("t-0123456789ab", ("метро", "авария"))


def edited(frame: pl.DataFrame | None = None, language: Language = "ru") -> EditorResult:
    """The text of the topic, the Russian one by default."""
    return edit(
        OfflineWriter(),
        topic=TOPIC,
        messages=russian_topic() if frame is None else frame,
        language=language,
        tone="neutral",
        as_of=AS_OF,
        run_id="run-1",
    )


def changed(**columns: Any) -> EditorResult:
    """The Russian topic's text with other columns."""
    return EditorResult.from_row({**edited().to_row(), **columns})
