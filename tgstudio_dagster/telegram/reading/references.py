"""What a user writes to name a channel: a username, an invite, an id, or a link that holds one of them.

Pure: texts become references here. Asking Telegram what they stand for belongs to `mtproto/peers.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from tgstudio_dagster.core.errors import SourceError

# Bot API form of a channel's id: -100 before it (core.telegram.org/api/bots/ids).
_MARK = 1_000_000_000_000
_USERNAME = re.compile(r"[A-Za-z]\w{3,31}", re.ASCII)
_INVITE = re.compile(r"[A-Za-z0-9_-]{6,64}")
_PHONE = re.compile(r"\d{1,15}")
_NUMBER = re.compile(r"-?\d{1,20}", re.ASCII)
_LINK = re.compile(
    r"(?:https?://)?(?:www\.)?(?:t\.me|telegram\.me|telegram\.dog)/(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_SUBDOMAIN = re.compile(
    r"(?:https?://)?(?P<name>[A-Za-z]\w{3,31})\.t\.me(?:/.*)?", re.IGNORECASE | re.ASCII | re.DOTALL
)
# First parts of t.me links that are no username (core.telegram.org/api/links).
_OTHER_LINKS = frozenset(
    "addlist addstickers addemoji addtheme bg boost call confirmphone contact giftcode invoice iv login m msg nft proxy "
    "setlanguage share socks stickers".split()
)


@dataclass(frozen=True)
class Username:
    """A public channel's username, in lower case, without @: Telegram tells them apart without case."""

    name: str

    def __str__(self) -> str:
        return f"@{self.name}"


@dataclass(frozen=True)
class Invite:
    """The secret part of an invite link."""

    hash: str

    def __str__(self) -> str:
        return f"https://t.me/+{self.hash}"


@dataclass(frozen=True)
class ChannelId:
    """A channel's own positive id. It opens a channel only to an account that has met it."""

    id: int

    def __str__(self) -> str:
        return str(self.id)


Reference = Username | Invite | ChannelId


def parse_reference(text: str) -> Reference:
    """The reference of `@name`, `name`, `1234567`, `-1001234567` or a link.

    Links: `t.me/name`, `t.me/s/name/5`, `name.t.me`, `t.me/+invite`, `t.me/joinchat/invite`, `t.me/c/1234567/5` (with or without https://),
    `tg://resolve?domain=name`, `tg://join?invite=…`. `str()` of the result is its canonical form, which parses to the
    same. Raises SourceError that says what the text is instead.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return _channel_id(int(text), text)
    if text.lower().startswith("tg:"):
        return _of_scheme(text)
    if found := _LINK.fullmatch(text):
        return _of_link(found["rest"], text)
    if found := _SUBDOMAIN.fullmatch(text):
        return _username(found["name"], text)
    return _username(text.removeprefix("@"), text)


def parse_list(text: str) -> list[Reference]:
    """References of a file: one per line or separated by commas; what follows a `#` is a comment.

    In order, each once. Raises SourceError that names every line that is wrong (the first ten).
    """
    references: dict[Reference, None] = {}
    wrong: list[str] = []
    texts: list[str] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        for part in re.sub(r"(?:^|\s)#.*", "", line).split(","):
            if not part.strip():
                continue
            try:
                references.setdefault(parse_reference(part))
            except SourceError as error:
                wrong.append(f"line {number}: {error}")
                texts.append(_shown(part.strip()))
    if wrong:
        more = f"\nand {len(wrong) - 10} more" if len(wrong) > 10 else ""
        raise SourceError("\n".join(wrong[:10]) + more).coded(
            "reference.wrong", references=", ".join(texts[:10]) + (" …" if len(wrong) > 10 else "")
        )
    return list(references)


def _of_link(rest: str, text: str) -> Reference:
    path = re.split(r"[?#]", rest, maxsplit=1)[0]
    first, _, behind = path.strip("/").partition("/")
    second = behind.partition("/")[0]
    if first.startswith(("+", "%2B", "%2b", " ")):
        return _invite(first.removeprefix("+").removeprefix("%2B").removeprefix("%2b").strip(), text)
    kind = first.lower()
    if kind == "joinchat":
        return _invite(second, text)
    if kind == "c":
        if not _NUMBER.fullmatch(second):
            raise SourceError(f"{_shown(text)}: no id after t.me/c/; such links read t.me/c/1234567/5.")
        return _channel_id(int(second), text)
    if kind == "addlist":
        raise SourceError(
            f"{_shown(text)}: links to a shared folder; add it in Telegram, then subscribe to that folder."
        )
    if kind in _OTHER_LINKS:
        raise SourceError(f"{_shown(text)}: no link to a channel.")
    return _username(second if kind == "s" else first, text)


def _of_scheme(text: str) -> Reference:
    parts = urlsplit(text)
    action = parts.netloc or parts.path
    given = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if action == "resolve" and "domain" in given:
        return _username(given["domain"], text)
    if action == "join" and "invite" in given:
        return _invite(given["invite"], text)
    if action == "privatepost" and _NUMBER.fullmatch(given.get("channel", "")):
        return _channel_id(int(given["channel"]), text)
    raise SourceError(f"{_shown(text)}: no link to a channel.")


def _username(name: str, text: str) -> Username:
    if not _USERNAME.fullmatch(name):
        raise SourceError(
            f"{_shown(text)}: neither a username (4 to 32 Latin letters, digits and _, a letter first), nor a t.me link, "
            "nor a channel's id."
        )
    return Username(name.lower())


def _invite(secret: str, text: str) -> Invite:
    if _PHONE.fullmatch(secret):
        raise SourceError(f"{_shown(text)}: links to a phone number, not to a channel.")
    if not _INVITE.fullmatch(secret):
        raise SourceError(f"{_shown(text)}: no whole invite link; such links read https://t.me/+AbCdEf…")
    return Invite(secret)


def _channel_id(value: int, text: str) -> ChannelId:
    number = -value - _MARK if value < -_MARK else value
    if number < 0:
        raise SourceError(
            f"{_shown(text)}: the id of a person or a basic group; only channels and supergroups are read."
        )
    if not 0 < number < _MARK:
        raise SourceError(f"{_shown(text)}: no channel's id; they are positive, or begin with -100.")
    return ChannelId(number)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
