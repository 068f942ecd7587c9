"""The offline digest: honest, in the chosen language, the same for the same posts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.newsroom.posts import russian_topic
from tgstudio_dagster.ai.offline.quotes import shorten
from tgstudio_dagster.ai.offline.writer import LONG, MEDIUM, SHORT, OfflineWriter
from tgstudio_dagster.ai.protocols import SourceMessage, WriteRequest, WriteResult, body_text
from tgstudio_dagster.ai.text import holds_run, open_quotes, overlap, quotations, words
from tgstudio_dagster.core.errors import NewsroomError
from tgstudio_dagster.core.vocabulary import Language, Tone
from tgstudio_dagster.newsroom.editor import source_messages

FIRST = datetime(2026, 3, 9, 4, 5, tzinfo=UTC)


def source(n: int, text: str, **given: Any) -> SourceMessage:
    row: dict[str, Any] = {
        "channel_id": n,
        "msg_id": 10 + n,
        "version": 1,
        "channel": f"channel{n}",
        "channel_title": f"Канал {'АБВГДЕЖ'[n % 7]}",
        "date": FIRST + timedelta(minutes=20 * n),
        "text": text,
        "lang": "ru",
        "url": f"https://t.me/channel{n}/{10 + n}",
    }
    return SourceMessage(**{**row, **given})


def write(*messages: SourceMessage, language: Language = "ru", tone: Tone = "neutral") -> WriteResult:
    request = WriteRequest(topic_id="t-1", language=language, tone=tone, messages=messages, keywords=("метро",))
    return OfflineWriter().write(request).value


LEAD = "В Северогорске из-за прорыва трубы закрыли пять станций метро."
MORE = "Глава подземки Игорь Латышев сроков запуска поездов не называет."


def test_every_quotation_stands_in_the_post_that_its_sentence_cites() -> None:
    posts = (source(1, f"{LEAD} {MORE}"), source(2, "Движение на зелёной линии метро остановлено до вечера."))
    texts = {post.key: words(post.text) for post in posts}
    quoted = 0
    for sentences in write(*posts).sections().values():
        for sentence in sentences:
            for quotation in quotations(sentence.text):
                run = words(quotation.rstrip("…"))
                if len(run) > 3:
                    quoted += 1
                    assert any(holds_run(texts[key], run) for key in sentence.messages), sentence.text
    assert quoted >= 6


def test_its_own_words_repeat_no_source() -> None:
    posts = (source(1, f"{LEAD} {MORE}"), source(2, "Движение на зелёной линии метро остановлено до вечера."))
    result = write(*posts)
    assert overlap([body_text(result.body_long)], [post.text for post in posts]) == 0.0


def test_different_figures_of_channels_are_noted_with_both_sources() -> None:
    posts = (
        source(1, "По закрытой линии метро ежедневно ездят около 180 тысяч пассажиров."),
        source(2, "Ежедневно по закрытой линии метро ездят около 210 тысяч пассажиров."),
    )
    (note,) = [s for s in write(*posts).sections()["body_long"] if "разные цифры" in s.text]
    assert "«180 тысяч пассажиров»" in note.text
    assert "«210 тысяч пассажиров»" in note.text
    assert set(note.messages) == {post.key for post in posts}


def test_figures_about_different_things_are_not_set_against_each_other() -> None:
    posts = (
        source(1, "В больнице остаются 12 человек, состояние стабильное."),
        source(2, "На матч пришли 20 человек, сообщает клуб."),
    )
    assert "разные цифры" not in body_text(write(*posts).body_long)


def test_the_same_figure_in_other_words_is_no_disagreement() -> None:
    posts = (
        source(1, "По закрытой линии метро ежедневно ездят около 180 тысяч пассажиров."),
        source(2, "Ежедневно по закрытой линии метро ездят около 180 000 пассажиров."),
    )
    assert "разные цифры" not in body_text(write(*posts).body_long)


def test_foreign_quotations_stay_in_their_language_and_it_says_so() -> None:
    post = source(1, "The city has closed five metro stations after a pipe burst.", lang="en")
    text = body_text(write(post).body_long)
    assert "The city has closed five metro stations" in text
    assert "Цитаты оставлены на языке оригинала (английский)." in text


def test_a_single_channel_is_said_to_be_the_only_word() -> None:
    assert "Других каналов в этой подборке нет" in body_text(write(source(1, LEAD)).body_long)


def test_a_forward_is_named_as_a_forward_and_not_quoted() -> None:
    text = body_text(write(source(1, LEAD), source(2, LEAD, forwarded_from="Канал Б")).body_long)
    assert "Чужой пост об этом переслал" in text
    assert text.count("закрыли пять станций") == 1


def test_adverts_and_links_are_not_quoted() -> None:
    post = source(1, f"{LEAD} Подписывайтесь на наш канал, там ещё больше новостей! https://a.example/x")
    text = body_text(write(post).body_long)
    assert "Подписывайтесь" not in text
    assert "http" not in text


@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("tone", ["neutral", "lively", "formal"])
def test_equal_posts_give_an_equal_digest_within_the_contract(language: Language, tone: Tone) -> None:
    posts = tuple(
        source(n, f"{LEAD} {MORE} Поезда номер {n * 7} не ходят с самого утра понедельника.") for n in range(1, 7)
    )
    result = write(*posts, language=language, tone=tone)
    assert result == write(*posts, language=language, tone=tone)
    assert len(result.headline.text) <= 90
    assert 3 <= len(result.key_points) <= 5


def test_posts_without_words_are_an_error_that_names_the_topic() -> None:
    with pytest.raises(NewsroomError, match="t-1"):
        write(source(1, "🚇🚇 https://a.example"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.sampled_from("абвАБВ xyZ0123456789 .,!?…«»“”\"'()—-\n#@🚇:"), min_size=1, max_size=300),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["ru", "en"]),
)
def test_any_posts_give_sections_within_their_lengths(texts: list[str], language: Language) -> None:
    try:
        result = write(*(source(n, text) for n, text in enumerate(texts)), language=language)
    except NewsroomError:
        return
    assert len(result.headline.text) <= 90
    assert len(body_text(result.body_short)) <= SHORT + 40
    assert len(body_text(result.body_medium)) <= MEDIUM + 200
    assert len(body_text(result.body_long)) <= LONG
    assert all(sentence.messages for sentences in result.sections().values() for sentence in sentences)


@given(st.text("абв гд,;:«» —.", max_size=120), st.integers(10, 80))
def test_a_shortened_quotation_is_a_beginning_within_the_limit(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert text.startswith(short.removesuffix("…"))
    if short != text:
        assert not open_quotes(short)


def test_keywords_become_hashtags_in_the_nominative_and_own_ones_stay_as_a_post_has_them() -> None:
    posts = source_messages(russian_topic())
    tagged = (*(post.model_copy(update={"hashtags": ("музее", "हिन्दी")}) for post in posts[:1]), *posts[1:])
    keywords = ("музеев", "Московской", "сообщил", "Китаем", "ди-джей")
    request = WriteRequest(topic_id="t-1", language="ru", tone="neutral", messages=tagged, keywords=keywords)
    tags = OfflineWriter().write(request).value.hashtags
    assert {"музее", "हिन्दी", "музеи", "московская", "китай"} <= set(tags)
    assert not {"музеев", "сообщил", "китаем", "ди-джей"} & set(tags)
