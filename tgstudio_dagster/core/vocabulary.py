"""The words that several rooms and the pages share: what may be chosen, and what a state is called.

Values only. What a word means for the work stands with the room that does it; how it reads on a page, in i18n.
"""

from __future__ import annotations

from typing import Literal, get_args

Language = Literal["ru", "en"]
"""In which editor results are written; also the interface's languages."""
Tone = Literal["neutral", "lively", "formal"]
Goal = Literal["text", "briefs", "images", "packages"]
"""How far an order is worked, nearest first."""
PlatformName = Literal["tg", "vk", "x", "ig", "threads", "fb", "li"]
OrderStatus = Literal["queued", "running", "done", "failed", "cancelled"]
BundleFormat = Literal["parquet", "csv", "both"]
ExportFormat = Literal["json", "csv", "parquet", "zip"]
MemberRole = Literal["owner", "editor", "viewer"]
Window = Literal["24h", "7d"]
"""The spans over which topics and posts are ranked."""
Entity = Literal["message", "topic"]
"""What is ranked."""
CallKind = Literal["api", "mcp"]

LANGUAGES: tuple[Language, ...] = get_args(Language)
TONES: tuple[Tone, ...] = get_args(Tone)
GOALS: tuple[Goal, ...] = get_args(Goal)
PLATFORMS: tuple[PlatformName, ...] = get_args(PlatformName)
BUNDLE_FORMATS: tuple[BundleFormat, ...] = get_args(BundleFormat)
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
WINDOWS: tuple[Window, ...] = get_args(Window)
PAIRING_ENDS = frozenset({"AUTHORIZED", "FAILED", "EXPIRED"})
"""States of a pairing that nothing follows."""
