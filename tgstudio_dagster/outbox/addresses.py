"""Which addresses a tenant's webhook may reach, and a way to post there that holds to it.

A name is looked up once, every address is judged, and the connection goes to one that passed: what the name says a moment
later changes nothing. TLS is still for the name. Redirects are not followed, and no proxy of the environment is used.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpcore2

from tgstudio_dagster.core.errors import FieldError, TGStudioError

MAX_URL = 2_000
_TRANSLATED = (IPv6Network("64:ff9b::/96"),)
"""NAT64: the last 32 bits are the IPv4 address that is meant."""
_TUNNELS = tuple(IPv6Network(net) for net in ("2002::/16", "2001::/32", "64:ff9b:1::/48", "::/96", "fec0::/10"))
"""6to4, Teredo, a site's own translation, IPv4-compatible and site-local: they lead to addresses that can't be judged."""


class UnreachableAddressError(TGStudioError):
    """Nothing was posted, or no answer came: the message says why, and never what an answer held."""


def is_public(address: str) -> bool:
    """Whether the address is one of the Internet's: not private, loopback, link-local, multicast, reserved, or a disguise."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        inner = parsed.ipv4_mapped
        if inner is None and any(parsed in net for net in _TRANSLATED):
            inner = IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if any(parsed in net for net in _TUNNELS):
            return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved and not parsed.is_unspecified


def check_url(url: str, *, allow_http: bool, allow_private: bool) -> str:
    """The address, if a webhook may have it. Raises FieldError.

    Only a host that is written as an address is judged here; names are looked up when something is posted.
    """
    refuse = _refuse
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        refuse("it is no address; write https://host/path")
    if len(url) > MAX_URL or any(letter.isspace() or ord(letter) < 32 for letter in url) or not url.isascii():
        refuse(f"it is longer than {MAX_URL} characters, or holds blanks or letters beyond ASCII")
    if parts.scheme not in ({"https", "http"} if allow_http else {"https"}):
        refuse("it must begin with https://" + (" or http://" if allow_http else ""))
    if not parts.hostname or port == 0 or parts.username is not None or parts.fragment:
        refuse("it needs a host, and takes neither user nor #fragment")
    try:
        ip_address(parts.hostname)
    except ValueError:
        return url
    if not allow_private and not is_public(parts.hostname):
        refuse("it is an inner address; the operator may allow these (TGSTUDIO_WEBHOOK_PRIVATE)")
    return url


class Poster:
    """Posts to addresses that pass. One a process; threads share it. `close()` it at the end."""

    def __init__(self, *, allow_private: bool, seconds: float = 10.0, most: int = 65_536) -> None:
        self._seconds = seconds
        self._most = most
        self._context = ssl.create_default_context()
        self._allow_private = allow_private

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status of the answer; all of it within `seconds`, at most `most` bytes of it are read.

        Raises UnreachableAddressError.
        """
        guard = _Guard(self._allow_private, time.monotonic() + self._seconds)
        try:
            # A pool of its own: a kept connection would be to an address that was judged at another time.
            with (
                httpcore2.ConnectionPool(network_backend=guard, ssl_context=self._context, max_connections=1) as pool,
                pool.stream("POST", url, headers=[*headers.items()], content=body) as answer,
            ):
                status: int = answer.status
                self._drain(answer)
                return status
        except httpcore2.TimeoutException:
            raise UnreachableAddressError(f"no answer within {self._seconds:g} s") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol) as error:
            # The class alone: what a strange server said may be anything.
            raise UnreachableAddressError(f"the connection failed ({_reason(error)})") from None

    def _drain(self, answer: httpcore2.Response) -> None:
        """Read a short answer to its end, so that its sender is not cut off; what is longer is left."""
        size = 0
        try:
            for part in answer.iter_stream():
                size += len(part)
                if size > self._most:
                    return
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError):
            return  # the status was heard, and that is the answer


class _Guard(httpcore2.NetworkBackend):
    """Connects to addresses that pass only, until the time is up."""

    def __init__(self, allow_private: bool, deadline: float) -> None:
        self._allow_private = allow_private
        self._deadline = deadline
        self._backend = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the first address of the name that passes and answers."""
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise UnreachableAddressError(f"{host} is no name that can be looked up") from None
        addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
        allowed = [address for address in addresses if self._allow_private or is_public(address)]
        if not allowed:
            raise UnreachableAddressError(
                f"{host} leads to an inner address; the operator may allow these (TGSTUDIO_WEBHOOK_PRIVATE)"
            )
        for last, address in enumerate(allowed, start=1 - len(allowed)):
            try:
                stream = self._backend.connect_tcp(address, port, _left(self._deadline), local_address, socket_options)
                return _Timed(stream, self._deadline)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if last == 0:
                    raise
        raise AssertionError("one address at least was tried")

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.NetworkStream:
        """Never: a webhook's address is one of the network."""
        raise UnreachableAddressError("no such address")


class _Timed(httpcore2.NetworkStream):
    """A connection that is done at the deadline, however often a few bytes of it come."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The next bytes. Raises ReadTimeout at the deadline."""
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send these bytes."""
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """The same connection under TLS, for the name that was asked for."""
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _Timed(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """What is known of the connection."""
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout
    return left


def _reason(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate does not hold: {cause.verify_message}"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _refuse(why: str) -> NoReturn:
    raise FieldError("url", f"{why}.")
