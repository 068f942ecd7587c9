"""Stream a page of Telegram Desktop's HTML export: its title, its messages, its dividers, as plain records.

Only the markup belongs here (Desktop's writer: export_output_html.cpp); what a message means is `html_message.py`. The
parser keeps no page in memory, asks no network, runs nothing: scripts, styles and event handlers are text that nobody
reads. A page that a stranger wrote can be as deep and long as it likes: a message is bounded, and so is what stands
between two of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
from lxml import etree

CHUNK = 2**16
# A text of 4,096 characters, each of them a custom emoji with its link, is below this, and so is a page's head.
MAX_ELEMENT = 4 * 2**20
MAX_TEXT = 4 * 4096
MAX_NAME = 255

_MESSAGE_ID = re.compile(rb'\bid\s*=\s*["\']message(\d{1,19})["\']')
_ID = re.compile(r"message(-?\d{1,18})\Z")
_TARGET = re.compile(r"go_to_message(\d{1,18})\Z")
_BREAKS = re.compile(r"[ \t]*[\r\n]\s*")
_VIA = re.compile(r"\s+via @\w{3,32}\Z", re.ASCII)
_COUNT = re.compile(r"\d{1,12}\Z")


class Link(msgspec.Struct, frozen=True):
    """A link of a text: where it leads, what it shows, and what a click on it would call (`ShowHashtag` and the like)."""

    href: str
    text: str
    call: str = ""


class Medium(msgspec.Struct, frozen=True):
    """What stands under `media_wrap`: the class that names its kind, the file's link, and its lines."""

    kind: str
    href: str | None = None
    title: str = ""
    description: str = ""
    status: str = ""


class Poll(msgspec.Struct, frozen=True):
    """A poll or a list of tasks; `details` tells which."""

    question: str
    details: str
    answers: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True):
    """One block of the history. `message_id` is negative or None for a divider, `sender` None where it joins the last."""

    message_id: int | None
    service: bool
    moment: str = ""
    sender: str | None = None
    forwarded: bool = False
    origin: str | None = None
    reply_to: int | None = None
    text: str = ""
    links: tuple[Link, ...] = ()
    signature: str = ""
    media: tuple[Medium, ...] = ()
    poll: Poll | None = None
    reactions: tuple[tuple[str, int], ...] = ()


class Head(msgspec.Struct, frozen=True):
    """The page's header: the chat's title."""

    title: str


class Lost(msgspec.Struct, frozen=True):
    """How many messages of the page could not be read, and why."""

    count: int
    reason: str


def read_page(stream: BinaryIO) -> Iterator[Head | Entry | Lost]:
    """What the page holds, in order; at its end how many of its messages could not be read, where there are such."""
    parser = etree.HTMLPullParser(
        events=("end",), tag="div", encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True,
        remove_pis=True,
    )  # fmt: skip
    named = read = unread = 0
    tail = b""
    reason = "the page is nested deeper than an export ever is"
    while chunk := stream.read(CHUNK):
        window = tail + chunk
        # An id that ends in the tail was counted with it.
        named += sum(1 for match in _MESSAGE_ID.finditer(window) if match.end() > len(tail))
        tail = window[-64:]
        unread += len(chunk)
        if unread > MAX_ELEMENT:
            reason = f"a message of more than {MAX_ELEMENT:,} bytes; none is so large"
            continue
        parser.feed(chunk)
        for item in _items(parser):
            unread = 0
            read += isinstance(item, Entry) and (item.message_id or -1) >= 0
            yield item
    if unread <= MAX_ELEMENT:
        parser.close()
        for item in _items(parser):
            read += isinstance(item, Entry) and (item.message_id or -1) >= 0
            yield item
    if named > read:
        yield Lost(named - read, reason)


def _items(parser: Any) -> Iterator[Head | Entry]:
    for _, element in parser.read_events():
        classes = _classes(element)
        if "page_header" in classes:
            yield Head(_name(_line(element)))
        elif "message" in classes and classes & {"default", "service"}:
            yield _entry(element, classes)
        else:
            continue
        _free(element)


def _free(element: Any) -> None:
    """Drop what was read, and all before it."""
    element.clear(keep_tail=False)
    parent = element.getparent()
    while parent is not None and parent[0] is not element:
        del parent[0]


def _entry(element: Any, classes: set[str]) -> Entry:
    match = _ID.match(element.get("id") or "")
    message_id = int(match[1]) if match else None
    body = _child(element, "body")
    if body is None:
        return Entry(message_id, "service" in classes)
    if "service" in classes:
        text, links = _rich(body)
        return Entry(message_id, True, text=text, links=links)
    date, name, inner = _child(body, "date"), _child(body, "from_name"), _child(body, "forwarded", "body")
    content = body if inner is None else inner
    origin = None if inner is None else _child(inner, "from_name")
    words, signature = _child(content, "text"), _child(content, "signature")
    text, links = ("", ()) if words is None else _rich(words)
    wraps = [child for child in content if "media_wrap" in _classes(child)]
    return Entry(
        message_id,
        False,
        moment=(date.get("title") or "").strip() if date is not None else "",
        sender=None if name is None else _person(name),
        forwarded=inner is not None,
        origin=None if origin is None else _person(origin),
        reply_to=_reply(_child(content, "reply_to")),
        text=text,
        links=links,
        signature="" if signature is None else _name(_line(signature)),
        media=tuple(medium for wrap in wraps for medium in _media(wrap)),
        poll=next((poll for wrap in wraps if (poll := _poll(wrap)) is not None), None),
        reactions=_reactions(body),
    )


def _classes(element: Any) -> set[str]:
    return set((element.get("class") or "").split()) if isinstance(element.tag, str) else set()


def _child(element: Any, *names: str) -> Any | None:
    """The first child that has all these classes."""
    return next((child for child in element if _classes(child).issuperset(names)), None)


def _all(element: Any, name: str) -> list[Any]:
    return [each for each in element.iter() if name in _classes(each)]


def _rich(element: Any) -> tuple[str, tuple[Link, ...]]:
    """Text and links. A line of the text ends at a <br>, and nowhere else."""
    parts: list[str] = []
    links: list[Link] = []
    for event, node in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            if node.tag == "br":
                parts.append("\n")
            elif node.tag == "a":
                shown = _BREAKS.sub(" ", "".join(node.itertext()))
                call = (node.get("onclick") or "").removeprefix("return ").partition("(")[0]
                links.append(Link((node.get("href") or "").strip(), shown.strip(), call))
            if node.tag not in ("script", "style", "br"):
                parts.append(_BREAKS.sub(" ", node.text or ""))
        elif node is not element:
            parts.append(_BREAKS.sub(" ", node.tail or ""))
    return "".join(parts).strip()[:MAX_TEXT], tuple(links)


def _line(element: Any, *, without: str | None = None) -> str:
    """All text of the element in one line; without that of children of a class."""
    parts = [element.text or ""]
    for child in element:
        if without is None or without not in _classes(child):
            parts += child.itertext()
        parts.append(child.tail or "")
    return " ".join("".join(parts).split())


def _name(text: str) -> str:
    return text[:MAX_NAME]


def _person(element: Any) -> str:
    """A sender's name, without the date behind it and the bot that it was sent by."""
    return _name(_VIA.sub("", _line(element, without="details")))


def _reply(element: Any | None) -> int | None:
    if element is None:
        return None
    targets = (_TARGET.search(link.get("href") or "") for link in element.iter("a"))
    return next((int(match[1]) for match in targets if match), None)


def _media(wrap: Any) -> Iterator[Medium]:
    for child in wrap:
        classes = _classes(child)
        kind = next((name for name in classes if name.endswith("_wrap") or name.startswith("media_")), None)
        if kind is None or "media_poll" in classes:
            continue
        if kind == "media_giveaway":
            yield Medium(kind, description=_rich(child)[0])
            continue
        body = _child(child, "body")
        lines = {name: "" if body is None else _first_line(body, name) for name in ("title", "description", "status")}
        if kind == "video_file_wrap":
            lines["status"] = _first_line(child, "video_duration")
        yield Medium(kind, child.get("href") if child.tag == "a" else None, **lines)


def _poll(wrap: Any) -> Poll | None:
    element = _child(wrap, "media_poll")
    if element is None:
        return None
    answers = [_line(answer, without="details").removeprefix("- ") for answer in _all(element, "answer")]
    return Poll(_first_line(element, "question"), _first_line(element, "details"), tuple(answers))


def _first_line(element: Any, name: str) -> str:
    children = _all(element, name)
    return _line(children[0]) if children else ""


def _reactions(body: Any) -> tuple[tuple[str, int], ...]:
    """Emoji and count of each reaction: who reacted is shown where they are few, the count where they are more."""
    rows: list[tuple[str, int]] = []
    for reaction in _all(body, "reaction"):
        emoji, count = _first_line(reaction, "emoji"), _first_line(reaction, "count")
        if "paid" in _classes(reaction):
            emoji = "⭐"
        rows.append((emoji or "custom", int(count) if _COUNT.match(count) else len(_all(reaction, "userpic"))))
    return tuple(rows)
