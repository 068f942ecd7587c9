"""Telethon's own TL classes, used from the server's side: filling, serialising and naming them.

Only what every handler shares belongs here; nothing here knows of users or channels.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import re
import struct
from datetime import UTC, datetime
from typing import Any

from telethon.errors.rpcerrorlist import rpc_errors_dict, rpc_errors_re
from telethon.tl import TLRequest
from telethon.tl.alltlobjects import tlobjects

_VECTOR = 0x1CB5C415
_TRUE, _FALSE = 0x997275B5, 0xBC799737


class Refusal(Exception):  # noqa: N818 (it is an answer of the protocol, not a failure of the server)
    """An answer that is an RpcError: Telegram's code and its name, such as (400, "CHANNEL_INVALID")."""

    def __init__(self, code: int, name: str) -> None:
        super().__init__(name)
        self.code = code
        self.name = name


class Packed:
    """An object that is already serialised: it stands wherever a TL object may."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def _bytes(self) -> bytes:
        return self.data

    __bytes__ = _bytes


def fill(kind: Any, **given: Any) -> Any:
    """An object of a TL class, its required arguments that are not given being zero or empty.

    A new Telegram layer that adds an argument thus seldom breaks the server.
    """
    return kind(**{name: make() for name, make in _required(kind).items() if name not in given}, **given)


@functools.cache
def _required(kind: Any) -> dict[str, Any]:
    missing = {}
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if name != "self" and parameter.default is inspect.Parameter.empty:
            missing[name] = _zero(str(parameter.annotation))
    return missing


def _zero(annotation: str) -> Any:
    if "List" in annotation:
        return list
    if "datetime" in annotation:
        return functools.partial(datetime.now, UTC)
    plain: dict[str, Any] = {"int": int, "float": float, "bool": bool, "str": str, "bytes": bytes}
    for name, make in plain.items():
        if annotation == f"<class '{name}'>" or annotation == name:
            return make
    return type(None)


def serialise(answer: Any) -> bytes:
    """The bytes of a handler's answer: a TL object, a truth value, or a list of them."""
    if isinstance(answer, bool):
        return struct.pack("<I", _TRUE if answer else _FALSE)
    if isinstance(answer, list | tuple):
        return struct.pack("<Ii", _VECTOR, len(answer)) + b"".join(map(serialise, answer))
    return answer if isinstance(answer, bytes) else bytes(answer)


@functools.cache
def access_hash(kind: str, identity: int, session: int) -> int:
    """What Telegram calls an access hash: another one for each session (auth key), so that a stale one is found out.

    One that an account was told in a former session is as worthless as another account's (core.telegram.org/api/peers).
    """
    digest = hashlib.sha256(f"{kind}:{identity}:{session}".encode()).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


def real_date(given: datetime | None) -> datetime | None:
    """A date of a request; Telethon reads an absent one as 1970-01-01."""
    return given if given and given.timestamp() > 0 else None


def tl_name(kind: type) -> str:
    """Telegram's name of a request class: `messages.getHistory`."""
    return _names().get(kind, kind.__name__)


def methods(name: str) -> frozenset[type] | None:
    """The request classes of a TL name; a bare name (`GetHistory`) will do where it is unique; `*` gives None: any.

    Raises ValueError for a name that is unknown or names several methods.
    """
    if name == "*":
        return None
    wanted = name.removesuffix("Request").lower()
    exact = [kind for kind, full in _names().items() if full.lower() == wanted]
    found = exact or [kind for kind, full in _names().items() if full.lower().endswith(f".{wanted}")]
    if len(found) != 1:
        raise ValueError(f"{name}: no method, or one of several: {sorted(map(tl_name, found))}.")
    return frozenset(found)


@functools.cache
def _names() -> dict[type, str]:
    names: dict[type, str] = {}
    for kind in tlobjects.values():
        if issubclass(kind, TLRequest):
            space = kind.__module__.removeprefix("telethon.tl.functions").lstrip(".")
            name = kind.__name__.removesuffix("Request")
            name = name[:1].lower() + name[1:]
            names[kind] = f"{space}.{name}" if space else name
    return names


def error_code(error: str) -> int:
    """Telegram's code of an error's name, as Telethon's table has it; 400 where it says nothing."""
    known = rpc_errors_dict.get(error) or next((kind for form, kind in rpc_errors_re if re.match(form, error)), None)
    return int(getattr(known, "code", None) or 400)
