"""What models cost, and how many tokens a text is, before it is sent: estimates, never a bill.

A model that is not listed has no known price: an estimate says so rather than guess. The offline ones cost nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

# Rules of thumb for the tokenizers of today's models: about four characters of Latin script to a token, three of others.
LATIN_CHARACTERS = 4
OTHER_CHARACTERS = 3
INSTRUCTIONS = 800
"""Tokens of a prompt around the posts."""
WRITTEN_CHARACTERS = 4_500
"""Characters of an editor result: three bodies of 250, 800 and 2,500, with headline, key points and the form around."""


@dataclass(frozen=True)
class Price:
    """USD per million tokens in and out, and per image."""

    input: float
    output: float
    image: float


FREE = Price(0.0, 0.0, 0.0)


def price(model: str) -> Price | None:
    """What the model costs; None where it is not known."""
    return FREE if model.startswith("offline-") else None


def tokens(text: str) -> int:
    """About how many tokens a text is."""
    latin = sum(character < "\u0250" for character in text)
    return -(-latin // LATIN_CHARACTERS) + -(-(len(text) - latin) // OTHER_CHARACTERS)


def written_tokens(language: str) -> int:
    """About how many tokens an editor result in the language is."""
    return WRITTEN_CHARACTERS // (LATIN_CHARACTERS if language == "en" else OTHER_CHARACTERS)
