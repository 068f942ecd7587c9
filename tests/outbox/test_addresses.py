"""Nothing is posted to inner addresses, however they are written or looked up; and no answer holds anybody up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.receiver import Receiver
from tgstudio_dagster.core.errors import SettingsError
from tgstudio_dagster.outbox.addresses import Poster, UnreachableAddressError, check_url, is_public

PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
INNER = (
    "127.0.0.1 127.8.8.8 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1 192.0.0.1 "
    "192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 "
    "::1 :: fe80::1 fe80::1%eth0 fc00::1 fd12:3456::1 fec0::1 ff02::1 2001:db8::1 100::1 "
    "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 "
    "64:ff9b:1::8.8.8.8 2002:7f00:1:: 2002:808:808:: 2001:0:0:0:0:0:0:1 nonsense"
).split()


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_pass(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", INNER)
def test_inner_reserved_and_disguised_addresses_do_not(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_every_disguise(address: IPv4Address) -> None:
    mapped, translated = IPv6Address(f"::ffff:{address}"), IPv6Address(f"64:ff9b::{address}")
    assert is_public(str(address)) == is_public(str(mapped)) == is_public(str(translated))
    assert not (is_public(str(address)) and (address.is_private or address.is_loopback or address.is_multicast))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook", "ftp://example.org/", "example.org/hook", "https://", "https:///hook", "",
        "https://me:secret@example.org/", "https://example.org/#here", "https://example.org:99999/", "https://example.org:0/",
        "https://ex ample.org/", "https://example.org/\nx", "https://пример.рф/", "https://[::1/",
        f"https://example.org/{'x' * 2000}",
        "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/latest/meta-data",
    ],
)  # fmt: skip
def test_an_address_that_no_webhook_may_have_is_refused_by_name(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^url: "):
        check_url(url, allow_http=False, allow_private=False)


def test_the_operator_may_allow_http_and_inner_addresses() -> None:
    for url in ("http://127.0.0.1:8080/hook?token=1", "https://[::1]/hook", "https://example.org/hook"):
        assert check_url(url, allow_http=True, allow_private=True) == url


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0"])
def test_loopback_is_not_reached_by_any_of_its_names(receiver: Receiver, host: str) -> None:
    with pytest.raises(UnreachableAddressError, match=r"inner address|no name"):
        Poster(allow_private=False).post(f"http://{host}:{receiver.server_port}/", b"{}", {})
    assert receiver.posts == []


def test_the_address_that_was_judged_is_the_one_that_is_reached(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere each time it is asked is asked once."""
    answers = [["8.8.8.8"], ["127.0.0.1"]]
    asked: list[str] = []
    connected: list[str] = []

    def lookup(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        addresses = answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    def connect(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(UnreachableAddressError, match="Connection refused"):
        Poster(allow_private=False).post(f"http://rebind.example:{receiver.server_port}/", b"{}", {})
    assert (asked, connected) == (["rebind.example"], ["8.8.8.8"])
    with pytest.raises(UnreachableAddressError, match="inner address"):
        Poster(allow_private=False).post(f"http://rebind.example:{receiver.server_port}/", b"{}", {})
    assert connected == ["8.8.8.8"]


def test_of_several_addresses_only_those_that_pass_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[str] = []

    def connect(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        connected.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 80)) for one in ("10.0.0.1", "8.8.8.8", "9.9.9.9")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(UnreachableAddressError):
        Poster(allow_private=False).post("http://many.example/", b"{}", {})
    assert connected == ["8.8.8.8", "9.9.9.9"]


def test_a_post_arrives_with_its_headers_and_body(receiver: Receiver) -> None:
    status = Poster(allow_private=True).post(f"{receiver.url}/hook?a=1", b'{"x":1}', {"x-one": "1", "host": "named"})
    (post,) = receiver.posts
    assert (status, post.path, post.body, post.headers["x-one"], post.headers["host"]) == (
        204,
        "/hook?a=1",
        b'{"x":1}',
        "1",
        "named",
    )


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.answers, receiver.headers = [302], {"Location": f"{receiver.url}/elsewhere"}
    assert Poster(allow_private=True).post(f"{receiver.url}/hook", b"{}", {}) == 302
    assert [post.path for post in receiver.posts] == ["/hook"]


def test_a_long_answer_is_not_read_to_its_end(receiver: Receiver) -> None:
    receiver.answers, receiver.body = [200], b"x" * (20 * 2**20)
    assert Poster(allow_private=True, most=1000).post(receiver.url, b"{}", {}) == 200


def test_a_proxy_of_the_environment_is_not_asked(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert Poster(allow_private=True).post(receiver.url, b"{}", {}) == 204


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.1 200 OK\r\nx-a: "])
def test_an_answer_that_never_ends_is_given_up_in_time(drip: bytes) -> None:
    """A server that sends nothing, and one that sends a byte now and then for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    connection.sendall(drip)
                    while drip:
                        connection.sendall(b"x")
                        time.sleep(0.05)
                    connection.recv(2**16)
                    time.sleep(5)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(UnreachableAddressError, match="no answer within 0.5 s"):
            Poster(allow_private=True, seconds=0.5).post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {})
        assert time.monotonic() - began < 4


def test_a_port_where_nobody_listens_is_a_plain_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UnreachableAddressError, match="connection failed"):
        Poster(allow_private=True).post(f"http://127.0.0.1:{port}/", b"{}", {})
