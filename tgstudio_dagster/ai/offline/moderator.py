"""A small offline check of what goes on a card or into a package: word lists, stated here in full.

It stops the obvious only and says so: no list understands irony, quotation or a new word. A person reads before posting.
"""

from __future__ import annotations

import re

from tgstudio_dagster.ai.protocols import ModerateRequest, ModerateResult, Reply, Verdict
from tgstudio_dagster.catalog.money.usage import OFFLINE

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


class OfflineModerator:
    """A Moderator by word lists. It looks at no image: what it says of one is that it may pass."""

    @property
    def provider(self) -> str:
        """See Model."""
        return OFFLINE

    @property
    def model(self) -> str:
        """See Model."""
        return "offline-words/1"

    def moderate(self, request: ModerateRequest) -> Reply[ModerateResult]:
        """See Moderator."""
        categories = [*map(category, request.texts), *(None for _ in request.images)]
        return Reply(ModerateResult(verdicts=tuple(Verdict(category=name) for name in categories)), self.model)


def category(text: str) -> str | None:
    """The first category of which a listed stem begins a word of the text; None where there is none."""
    plain = " ".join(text.casefold().replace("ё", "е").split())
    for name, stems in CATEGORIES.items():
        if any(re.search(rf"(?<!\w){re.escape(stem)}", plain) for stem in stems):
            return name
    return None
