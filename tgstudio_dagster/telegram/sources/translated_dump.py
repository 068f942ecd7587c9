"""Dumps of other programs that are read as Telethon's: each element is put into the words of `Message.to_dict()` first.

The walk over the file and what a message means stay those of `telethon_dump.py`; the words of a program are translated in
`pyrogram_message.py` and `tdl_message.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tgstudio_dagster.telegram.sources.decoding import Bad, Dropped, decode_elements, decode_nested
from tgstudio_dagster.telegram.sources.telethon_dump import TelethonDump
from tgstudio_dagster.telegram.sources.telethon_item import Item

Translate = Callable[[Mapping[str, Any]], list[dict[str, Any]]]
_ANY_RUN = msgspec.json.Decoder(list[Any])
_ANY = msgspec.json.Decoder(Any)
_ITEM = msgspec.json.Decoder(Item)


def _unchanged(element: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(element)]


@dataclass
class TranslatedDump(TelethonDump):
    """A dump whose elements `translate` turns into Telethon's: the entities that a message tells of, then the message."""

    translate: Translate = _unchanged
    is_local: Callable[[Mapping[str, Any]], bool] = lambda _: False

    def _items(self, start: int = 0) -> Iterator[tuple[int, Item | Bad, Dropped]]:
        base = 0
        with self.path.open("rb") as stream:
            for elements in self.index.arrays:
                first, offset, base = max(start - base, 0), base, base + len(elements)
                for local, element, dropped in decode_elements(stream, elements, _ANY_RUN, _ANY, first=first):
                    if isinstance(element, Bad):
                        yield offset + local, element, dropped
                    elif not isinstance(element, dict):
                        yield offset + local, Bad("not an object", str(element)[:200]), dropped
                    else:
                        self._local_times += self.is_local(element)
                        for words in self.translate(element):
                            yield offset + local, *decode_nested(words, _ITEM)
