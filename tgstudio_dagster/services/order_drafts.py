"""What an order would be, with everything that is not given filled in: what a person is shown, and what they confirm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tgstudio_dagster.core.vocabulary import Goal, Language, PlatformName, Tone
from tgstudio_dagster.services.estimates import Estimate, MessageRef


@dataclass(frozen=True)
class OrderDraft:
    """An order that nobody has asked for yet, and what it would take. `order_id` is one that would go on."""

    topic_id: str | None
    messages: tuple[MessageRef, ...] | None
    order_id: str | None
    day: date
    platforms: tuple[PlatformName, ...]
    language: Language
    tone: Tone
    goal: Goal
    estimate: Estimate

    def shown(self) -> dict[str, Any]:
        """What is confirmed: what is made of what, and what it costs. Where one of these changes, another draft is due."""
        return {
            "topic_id": self.topic_id,
            "messages": [list(message) for message in self.messages] if self.messages else None,
            "order_id": self.order_id,
            "day": str(self.day),
            "platforms": list(self.platforms),
            "language": self.language,
            "tone": self.tone,
            "goal": self.goal,
            "images": self.estimate.images,
            "cost_usd": self.estimate.cost_usd,
        }


def pairs(messages: Sequence[Sequence[int]] | None) -> tuple[MessageRef, ...] | None:
    """An order's posts as references; None for an order of a topic."""
    return tuple((channel, msg) for channel, msg in messages) if messages else None
