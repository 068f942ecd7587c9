"""The files that posts attach: drawn pictures, small documents, and videos that are only described.

Which file a post gets is decided here; how a picture is drawn is in pictures.py.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tgstudio_dagster.sample.content import CONTENT, Channel, Document, read_yaml, seeded
from tgstudio_dagster.sample.pictures import Picture, draw_pictures


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as Telegram describes it; `file` is its path beside the dumps, None where the reader did not take it."""

    kind: Literal["photo", "video", "document"]
    name: str
    mime: str
    size: int
    file: str | None
    width: int = 0
    height: int = 0
    duration: int = 0


class Files:
    """The written files of the sample, by subject and language."""

    def __init__(self, pictures: list[Picture], documents: list[Document]) -> None:
        self._pictures: defaultdict[str, list[Picture]] = defaultdict(list)
        for picture in pictures:
            self._pictures[picture.subject].append(picture)
        self._documents = documents

    def photos(self, channel: Channel, subject: str | None, count: int, key: str) -> list[Attachment]:
        """So many different photos of one subject: the given one or one of the channel's own."""
        rng = seeded("photos", key)
        drawn = self._pictures[subject or rng.choice(channel.pictures)]
        return [_photo(picture) for picture in rng.sample(drawn, count)]

    def document(self, channel: Channel, key: str) -> Attachment:
        """A document in the channel's language."""
        document = seeded("document", key).choice([d for d in self._documents if d.lang == channel.lang])
        size = len(document.text.encode())
        return Attachment("document", document.name, document.mime, size, f"files/{document.name}")

    def video(self, key: str) -> Attachment:
        """A video whose file nobody took: too large for a sample, as for most readers."""
        rng = seeded("video", key)
        seconds, wide = rng.randint(9, 148), rng.random() < 0.6
        width, height = (1280, 720) if wide else (720, 1280)
        size = seconds * rng.randint(180_000, 320_000)
        return Attachment(
            "video", f"video_{rng.randint(100, 999)}.mp4", "video/mp4", size, None, width, height, seconds
        )


def write_files(folder: Path, content: Path = CONTENT) -> Files:
    """Draw the pictures and write the documents into `folder`, whose name must be files/ beside the dumps."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = read_yaml(content / "documents.yaml", list[Document])
    for document in documents:
        (folder / document.name).write_bytes(document.text.encode())
    return Files(draw_pictures(folder), documents)


def _photo(picture: Picture) -> Attachment:
    return Attachment(
        "photo", picture.name, "image/jpeg", picture.size, f"files/{picture.name}", picture.width, picture.height
    )
