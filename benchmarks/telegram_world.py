"""The small Telegram with channels as large as real ones: `python -m benchmarks.telegram_world`, a process of its own.

What stands in the channels of `benchmarks.telegram` belongs here; what is measured does not. Texts and files are
invented, the same every time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from telethon import types

from tests.servers.telegram.control import serve_control
from tests.servers.telegram.loop import on_loop
from tests.servers.telegram.rsa import RsaKey
from tests.servers.telegram.server import TelegramServer

DAYS = 90
EMOJI = ["👍", "🔥", "❤", "😁", "🤔", "🎉"]
TEXTS = 5_000


class World(TelegramServer):
    """A TelegramServer that fills its channels by itself: what is posted one by one from outside takes minutes."""

    @on_loop
    def fill_history(self, channel: int, count: int, days: float = DAYS) -> int:
        """Post so many messages, the last one just now; returns the mean length of their texts.

        Two thirds have entities, four fifths reactions, one in ten is forwarded, one in eight has a photo, and one in
        forty is an album of three.
        """
        rng = random.Random(7)
        source = self.add_channel(f"source{channel}", "Another channel")
        photos = [
            self.add_file(b"\xff\xd8" + rng.randbytes(900), kind="photo", thumb=b"\xff\xd8 small") for _ in range(50)
        ]
        texts, step = _texts(rng), timedelta(days=days) / count
        moment = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
        posted = letters = 0
        while posted < count:
            text, entities = rng.choice(texts)
            moment += step
            given: dict[str, Any] = {"date": moment, "entities": entities, "push": False}
            given |= {"views": rng.randint(100, 90_000), "forwards": rng.randint(0, 400)}
            if rng.random() < 0.8:
                given["reactions"] = {one: rng.randint(1, 900) for one in rng.sample(EMOJI, rng.randint(1, 4))}
            if rng.random() < 0.1:
                given["forwarded_from"] = (source, rng.randint(1, 9_000))
            kind = rng.random()
            if kind < 1 / 40 and posted + 3 <= count:
                given["grouped_id"] = rng.getrandbits(62)
                for _ in range(2):
                    self.post(channel, **(given | {"entities": None}), media=rng.choice(photos))
                posted += 2
            self.post(channel, text, **given, media=rng.choice(photos) if kind < 1 / 40 + 1 / 8 else None)
            posted, letters = posted + 1, letters + len(text)
        return letters // count

    @on_loop
    def fill_media(self, channel: int, photos: int, photo_bytes: int, documents: int, document_bytes: int) -> None:
        """Post photos and documents of these sizes."""
        rng = random.Random(11)
        for n in range(photos):
            self.post(channel, f"photo {n}", media=self.add_file(rng.randbytes(photo_bytes), kind="photo"), push=False)
        for n in range(documents):
            file = self.add_file(rng.randbytes(document_bytes), name=f"{n}.pdf", mime="application/pdf")
            self.post(channel, f"document {n}", media=file, push=False)


def _texts(rng: random.Random) -> list[tuple[str, list[Any]]]:
    """Texts of 400 characters in the mean, two thirds of them with entities as editors set them."""
    words = ["".join(rng.choices("аеоинтсрвлкмдпуяыьгзбчйхжшюцщэфъ", k=rng.randint(2, 11))) for _ in range(8000)]
    made = []
    for n in range(TEXTS):
        body = " ".join(rng.choices(words, k=rng.randint(8, 88)))
        if rng.random() < 1 / 3:
            made.append((body, []))
            continue
        parts = [
            (" ".join(rng.choices(words, k=6)), types.MessageEntityBold, {}),
            (f"\n\n{body} ", None, {}),
            (f"#{rng.choice(words)}", types.MessageEntityHashtag, {}),
            ("\n", None, {}),
            (f"https://{n % 97}.example/{n}", types.MessageEntityUrl, {}),
            (" ", None, {}),
            ("Подписаться", types.MessageEntityTextUrl, {"url": "https://t.me/benchmark"}),
        ]
        text, entities = "", []
        for part, entity, given in parts:
            if entity is not None:
                entities.append(entity(len(text), len(part), **given))
            text += part
        made.append((text, entities))
    return made


async def _run(key: Path) -> None:
    server = World(rsa=RsaKey(key)).start()
    print(json.dumps({"port": server.port, "control": await serve_control(server)}), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.telegram_world")
    parser.add_argument("--key", type=Path, required=True, help="file of the RSA key (PEM); made where there is none")
    asyncio.run(_run(parser.parse_args().key))


if __name__ == "__main__":
    main()
