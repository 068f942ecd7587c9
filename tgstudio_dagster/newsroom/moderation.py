"""A small offline check of what goes on a card or into a package: word lists, stated here in full.

It stops the obvious only and says so: no list understands irony, quotation or a new word. A person reads before posting.
"""

from __future__ import annotations

import re

OK = "ok"
# Stems at the beginning of a word, so that Russian cases and English plurals are covered.
CATEGORIES: dict[str, tuple[str, ...]] = {
    "gambling": (
        "онлайн-казино",
        "казино-бонус",
        "ставки на спорт",
        "фрибет",
        "букмекерск",
        "online casino",
        "free bet",
    ),
    "adult": ("порно", "эскорт-услуг", "интим-услуг", "porn", "escort service", "onlyfans"),
    "drugs": ("закладки с", "купить мефедрон", "мефедрон", "купить гашиш", "buy cocaine", "buy mdma", "mephedrone"),
    "self_harm": ("способы самоубийства", "как покончить с собой", "how to kill yourself", "ways to commit suicide"),
    "scam": ("гарантированный доход", "удвоим ваш", "удвоим вложения", "guaranteed profit", "double your money"),
    "abuse": ("пидор", "хохл", "москал", "жидовск", "nigger", "faggot", "kike"),
}


def moderate(text: str) -> str:
    """`ok`, or the first category of which a listed stem begins a word of the text."""
    plain = " ".join(text.casefold().replace("ё", "е").split())
    for category, stems in CATEGORIES.items():
        if any(re.search(rf"(?<!\w){re.escape(stem)}", plain) for stem in stems):
            return category
    return OK
