"""What a cited post holds, and what it doesn't."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.newsroom.posts import english_topic, russian_topic
from tgstudio_dagster.ai.protocols import MessageKey, Sentence
from tgstudio_dagster.newsroom.claims import check_claim, common_words, names
from tgstudio_dagster.newsroom.editor import source_messages

RU = {source.key: source for source in source_messages(russian_topic())}
EN = {source.key: source for source in source_messages(english_topic())}
ROSHCHIN = MessageKey(3, 5, 1)
MIR = MessageKey(2, 77, 1)


def unsupported(text: str, *keys: MessageKey) -> list[str]:
    return check_claim(Sentence(text=text, messages=keys), {**RU, **EN}, common_words(RU.values()))[1]


@pytest.mark.parametrize(
    "text",
    [
        "Экономист Вадим Рощин оценил ущерб в 40–45 млн крон.",
        "По оценке Вадима Рощина, городу это обойдётся в 45 миллионов.",
        "9 марта 2026 года в 05:41 об этом написал «Деловой час».",
        "Авария дорого обойдётся городу.",
        "Об этом написал 1 канал.",
        "«Авария может обойтись городу в 40–45 млн крон…» — пишет «Деловой час».",
    ],
)
def test_what_the_cited_post_holds_is_supported(text: str) -> None:
    assert check_claim(Sentence(text=text, messages=(ROSHCHIN,)), RU, common_words(RU.values())) == (False, [])


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("Ущерб составит 50 млн крон.", ["50 млн"]),
        ("Ущерб составит 40 тысяч крон.", ["40 тысяч"]),
        ("Экономист Пётр Иванов оценил ущерб.", ["Пётр Иванов"]),
        ("Об этом стало известно 12 апреля.", ["12 апреля"]),
        ("Путин оценил ущерб.", ["Путин"]),
        ("Об аварии написали 4 канала.", ["4"]),
        ("Цены вырастут на 45%.", ["45"]),
        ("«Все поезда пойдут уже завтра утром», — пишет «Деловой час».", ["Все поезда пойдут уже завтра утром"]),
    ],
)
def test_what_no_cited_post_holds_is_listed(text: str, missing: list[str]) -> None:
    needs_verification, found = check_claim(Sentence(text=text, messages=(ROSHCHIN,)), RU, common_words(RU.values()))
    assert needs_verification
    assert set(missing) <= set(found)


def test_a_figure_of_another_post_does_not_support_a_claim() -> None:
    assert unsupported("Ежедневно там ездят 180 тысяч пассажиров.", ROSHCHIN) == ["180 тысяч"]
    assert unsupported("Ежедневно там ездят 180 тысяч пассажиров.", ROSHCHIN, MIR) == []


def test_a_claim_that_cites_nothing_or_a_post_that_is_not_there_needs_verification() -> None:
    assert check_claim(Sentence(text="Метро закрыто.", messages=()), RU)[0]
    assert check_claim(Sentence(text="Метро закрыто.", messages=(MessageKey(9, 9, 1),)), RU, {"метро"})[0]
    assert check_claim(Sentence(text="Метро закрыто.", messages=(MIR._replace(version=2),)), RU, {"метро"})[0]


def test_names_are_capitalised_words_and_not_what_opens_a_sentence() -> None:
    assert names("However, Mayor Tessa Varnholt met the NATO chief.") == ["Mayor Tessa Varnholt", "NATO"]
    assert names("По словам Игоря Латышева, поезда пойдут. Однако в Орвике ждут.") == ["Игоря Латышева", "Орвике"]


def test_a_channels_name_needs_no_post_to_hold_it() -> None:
    post = RU[MIR].model_copy(update={"channel_title": "112 | Русская служба новостей"})
    text = "В 04:46 (UTC) об этом написал канал «112 | Русская служба новостей»."
    assert check_claim(Sentence(text=text, messages=(MIR,)), {MIR: post}) == (False, [])


@given(st.integers(1, 10**9).filter(lambda n: n not in (6, 9, 3, 40, 180, 210, 2026, 1)))
def test_an_invented_number_never_passes(number: int) -> None:
    found = unsupported(f"По линии ездят {number} жителей.", ROSHCHIN, MIR)
    assert found == ([] if number in (180_000, 210_000, 40_000_000, 45_000_000) else [str(number)])


@given(st.text(max_size=200))
def test_any_sentence_can_be_checked(text: str) -> None:
    needs_verification, found = check_claim(Sentence(text=text, messages=(MIR,)), RU)
    assert needs_verification == bool(found)
