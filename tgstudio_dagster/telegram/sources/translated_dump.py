"""Dumps of other programs that are read as Telethon's: each element is put into the words of `Message.to_dict()` first.

The walk over the file and what a message means stay those of `telethon_dump.py`; the words of a program are translated in
`pyrogram_message.py` and `tdl_message.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tgstudio_dagster.telegram.sources.json_stream import Bad, decode_elements
from tgstudio_dagster.telegram.sources.telethon_dump import TelethonDump
from tgstudio_dagster.telegram.sources.telethon_message import Item, item_of

Translate = Callable[[Mapping[str, Any]], list[dict[str, Any]]]
_RUN = msgspec.json.Decoder(list[Any])
_ONE = msgspec.json.Decoder(Any)


def _unchanged(element: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(element)]


@dataclass
class TranslatedDump(TelethonDump):
    """A dump whose elements `translate` turns into Telethon's: the entities that a message tells of, then the message."""

    translate: Translate = _unchanged

    def _items(self, start: int = 0) -> Iterator[tuple[int, Item | Bad]]:
        base = 0
        with self.path.open("rb") as stream:
            for elements in self.index.arrays:
                first, offset, base = max(start - base, 0), base, base + len(elements)
                for local, element in decode_elements(stream, elements, _RUN, _ONE, first=first):
                    for item in self._translated(element):
                        yield offset + local, item

    def _translated(self, element: Any) -> Iterator[Item | Bad]:
        if isinstance(element, Bad):
            yield element
        elif not isinstance(element, dict):
            yield Bad("not an object", str(element)[:200])
        else:
            for words in self.translate(element):
                yield item_of(words)
