"""What a moderator's verdict means for an order: the word that its tables hold of an image or a text.

Verdicts of what an order makes come from its moderator, through the ledger. A person's version of a package is judged by
the word lists alone: it is shown with every keystroke, and a person reads it before it is posted.
"""

from __future__ import annotations

from collections.abc import Sequence

from tgstudio_dagster.ai.offline.moderator import category
from tgstudio_dagster.ai.protocols import ModerateRequest, Moderator

OK = "ok"


def judged(moderator: Moderator, texts: Sequence[str], images: Sequence[bytes] = ()) -> list[str]:
    """`ok`, or the category that stops it, for each text and then each image; nothing is asked where there is none."""
    if not texts and not images:
        return []
    reply = moderator.moderate(ModerateRequest(texts=tuple(texts), images=tuple(images)))
    return [verdict.category or OK for verdict in reply.value.verdicts]


def judged_by_words(text: str) -> str:
    """`ok`, or the category that the word lists of the offline moderator find in the text."""
    return category(text) or OK
