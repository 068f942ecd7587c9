"""Entities of a text: hashtags, cashtags, links, mentions, the bold lead and the linked footer.

Finding them belongs here; Telegram's and Telegram Desktop's ways to write them down are in the two forms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FOUND = re.compile(
    r"(?P<link>(?:https?://|\bt\.me/)[^\s<>«»\"]*[\w/])"
    r"|(?<!\w)(?P<hashtag>#\w*[^\W\d]\w*)"
    r"|(?<!\w)(?P<cashtag>\$[A-Z]{3,8}\b)"
    r"|(?<!\w)(?P<mention>@[A-Za-z]\w{3,31})"
)
_LEAD = re.compile(r"[^\n]{10,140}?(?:\n|(?<=[.!?])(?=\s)|$)")


@dataclass(frozen=True, slots=True)
class Entity:
    """A marked part of a text, in code points; `kind` is Telegram Desktop's name, `href` is of text_link only."""

    kind: str
    start: int
    end: int
    href: str | None = None


def entities_of(
    text: str, bold_lead: bool, linked_tail: str | None = None, href: str | None = None
) -> tuple[Entity, ...]:
    """The entities in order, never overlapping.

    `bold_lead` marks the first line or sentence; `linked_tail` is the end of the text that links to `href`.
    """
    entities = [Entity(str(match.lastgroup), match.start(), match.end()) for match in _FOUND.finditer(text)]
    if linked_tail and href:
        start = len(text) - len(linked_tail)
        entities = [entity for entity in entities if entity.end <= start]
        entities.append(Entity("text_link", start, len(text), href))
    if bold_lead and (lead := _LEAD.match(text)):
        end = len(lead[0].rstrip())
        if not any(entity.start < end for entity in entities):
            entities.insert(0, Entity("bold", 0, end))
    return tuple(entities)
