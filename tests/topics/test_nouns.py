"""Russian nouns in a vowel and й or я: one stem for all of their forms; and the nominative."""

from __future__ import annotations

from collections import defaultdict

import pymorphy3
import pytest

from tgstudio_dagster.topics.nouns import nominative
from tgstudio_dagster.topics.words import stem

NOUNS = """музей лицей трофей юбилей хоккей еврей злодей апогей мавзолей дисплей клей чародей брадобрей плебей корифей
протоиерей портвейн ручей воробей муравей соловей улей Андрей Сергей Алексей Матвей Тимофей Елисей Моисей Сидней Бомбей
Енисей Бруней Китай трамвай чай урожай случай край обычай май сарай Алтай попугай Николай лишай каравай Парагвай Уругвай
Шанхай Дубай Дунай самурай негодяй лентяй горностай рай лай герой бой строй слой рой вой покой застой перебой прибой
забой водопой конвой зной гной ковбой изгой сбой настрой простой поцелуй буй холуй идея батарея аллея галерея статуя
шея фея затея лотерея Корея траншея панацея орхидея эпопея бакалея диарея ливрея Галилея Гвинея Зоя соя хвоя
стая свая струя чешуя сбруя змея ворожея гений сценарий санаторий Евгений Россия армия""".split()


@pytest.fixture(scope="module")
def dictionary() -> pymorphy3.MorphAnalyzer:
    return pymorphy3.MorphAnalyzer()


@pytest.mark.parametrize("noun", NOUNS)
def test_all_forms_of_a_noun_have_one_stem(noun: str, dictionary: pymorphy3.MorphAnalyzer) -> None:
    lowered = noun.lower()
    reading = next(each for each in dictionary.parse(lowered) if "NOUN" in each.tag and each.normal_form == lowered)
    stems = defaultdict(list)
    for form in reading.lexeme:
        stems[stem(form.word.replace("ё", "е"))].append(form.word)
    assert len(stems) == 1, stems


@pytest.mark.parametrize(
    ("one", "other"),
    [("музей", "муза"), ("китай", "кит"), ("герой", "гер"), ("идея", "ид"), ("шея", "шить"), ("бой", "бобовый")],
)
def test_other_words_keep_their_own_stem(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@pytest.mark.parametrize(
    "word", "новая большой синей требуя читаю сильнее столовой рабочей мышей дверей улицей моей".split()
)
def test_adjectives_verbs_and_other_nouns_are_left_to_the_stemmer(word: str) -> None:
    assert not stem(word).endswith("й")


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("музее", "музей"),
        ("музеев", "музеи"),
        ("выборах", "выборы"),
        ("детям", "дети"),
        ("московской", "московская"),
        ("трампа", "трамп"),
        ("льда", "лед"),
        ("станцию", "станция"),
        ("метро", "метро"),
        ("сообщил", None),
        ("быстро", None),
        ("harbour", "harbour"),
        ("हिन्दी", "हिन्दी"),
    ],
)
def test_the_nominative_of_a_word(word: str, named: str | None) -> None:
    assert nominative(word) == named
