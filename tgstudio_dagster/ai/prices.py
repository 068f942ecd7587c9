"""What models cost, and how many tokens a text is, before it is sent: estimates, never a bill.

A model that is not listed has no known price: an estimate says so rather than guess. The offline ones cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from tgstudio_dagster.catalog.money.usage import OFFLINE

# Rules of thumb for the tokenizers of today's models: about four characters of Latin script to a token, three of others.
LATIN_CHARACTERS = 4
OTHER_CHARACTERS = 3
INSTRUCTIONS = 800
"""Tokens of a prompt around the posts."""
WRITTEN_CHARACTERS = 4_500
"""Characters of an editor result: three bodies of 250, 800 and 2,500, with headline, key points and the form around."""


@dataclass(frozen=True)
class Price:
    """USD per million tokens in and out, and per image; `cached_input`: of tokens in that the provider had kept, where
    they are cheaper. Where images are billed by tokens, `image` is 0."""

    input: float
    output: float
    image: float
    cached_input: float | None = None

    def micro_usd(self, *, read: int = 0, written: int = 0, cached: int = 0, images: int = 0) -> int:
        """What a call costs in millionths of a dollar, rounded up; `cached` tokens are among those `read`."""
        kept = self.input if self.cached_input is None else self.cached_input
        return ceil((read - cached) * self.input + cached * kept + written * self.output + images * self.image * 1e6)


FREE = Price(0.0, 0.0, 0.0)
MARGIN = 1.15
"""What is reserved before a call, to what is estimated: the estimate is within so much of the truth."""


def price(model: str, provider: str | None = None) -> Price | None:
    """What the model costs, of this provider where it is named; None where it is not known."""
    return FREE if provider == OFFLINE or model.startswith("offline-") else None


def tokens(text: str) -> int:
    """About how many tokens a text is."""
    latin = sum(character < "\u0250" for character in text)
    return -(-latin // LATIN_CHARACTERS) + -(-(len(text) - latin) // OTHER_CHARACTERS)


def written_tokens(language: str) -> int:
    """About how many tokens an editor result in the language is."""
    return WRITTEN_CHARACTERS // (LATIN_CHARACTERS if language == "en" else OTHER_CHARACTERS)
