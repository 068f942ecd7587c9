"""Telethon's client, made as the settings say: server, key, transport, proxy, device.

Nothing is sent from here, and no error of Telegram is met here: see client.py.
"""

from __future__ import annotations

import importlib.util
import logging
import struct
from typing import Any
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import SecretStr
from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.network import ConnectionTcpAbridged, ConnectionTcpFull, ConnectionTcpIntermediate
from telethon.sessions import StringSession

from tgstudio_dagster import __version__
from tgstudio_dagster.core.errors import AuthorityLostError, FieldError, SettingsError
from tgstudio_dagster.core.settings import TelegramSettings

_TRANSPORTS = {
    "full": ConnectionTcpFull,
    "abridged": ConnectionTcpAbridged,
    "intermediate": ConnectionTcpIntermediate,
}


def raw_client(settings: TelegramSettings, session: SecretStr | None, *, updates: bool) -> TelegramClient:
    """The client of a session (None: of a new one), not connected yet; `updates`: whether Telegram tells what happens.

    Raises SettingsError that names the variable, and AuthorityLostError for a session that can't be read.
    """
    if settings.api_id is None or settings.api_hash is None:
        raise SettingsError(
            "TELEGRAM_API_ID and TELEGRAM_API_HASH: not set; make an application at my.telegram.org and set both."
        )
    # Each broken connection is an error there; here it is repaired, and told where it can't be.
    logging.getLogger("telethon.network").setLevel(logging.CRITICAL)
    store = _store(session)
    if settings.dc is not None:
        _use_data_centre(settings, store)
    return TelegramClient(
        store,
        settings.api_id,
        settings.api_hash.get_secret_value(),
        connection=_TRANSPORTS[settings.transport],
        proxy=_proxy(settings),
        timeout=settings.connect_seconds,
        # Repeats, reconnects and waits are `call`'s: one owner, in the open. Left to itself, telethon connects and asks
        # again without a pause for as long as a connection breaks at once.
        request_retries=0,
        connection_retries=0,
        retry_delay=0,
        auto_reconnect=False,
        flood_sleep_threshold=0,
        raise_last_call_error=True,
        receive_updates=updates,
        device_model=settings.device_name,
        system_version="-",
        app_version=__version__,
    )


def _store(session: SecretStr | None) -> StringSession:
    try:
        return StringSession(session.get_secret_value() if session else None)
    except (ValueError, struct.error):
        # Without its cause: that may hold a part of the session.
        raise AuthorityLostError("expired", "The stored session can't be read. Pair the account again.") from None


def _use_data_centre(settings: TelegramSettings, store: StringSession) -> None:
    assert settings.dc is not None
    if settings.rsa_public_key_file is None:
        raise FieldError("TELEGRAM_RSA_PUBLIC_KEY_FILE", "not set; a data centre of TELEGRAM_DC has its own key.")
    number, host, port = settings.dc.split(":")
    if int(port) > 65535:
        raise FieldError("TELEGRAM_DC", f"{port} is no port; write id:host:port.")
    try:
        pem = settings.rsa_public_key_file.read_text()
        load_pem_public_key(pem.encode())  # says what is wrong; telethon's reader raises whatever its parser does
        rsa.add_key(pem, old=False)
    except (OSError, ValueError) as error:
        raise FieldError(
            "TELEGRAM_RSA_PUBLIC_KEY_FILE",
            f"{settings.rsa_public_key_file} can't be read as a public key in PEM (PKCS#1, "
            f"BEGIN RSA PUBLIC KEY): {error}.",
        ) from error
    if store.auth_key is None:
        store.set_dc(int(number), host, int(port))


def _proxy(settings: TelegramSettings) -> dict[str, Any] | None:
    if settings.proxy is None:
        return None
    if importlib.util.find_spec("python_socks") is None:
        # Telethon would only warn, and connect without the proxy.
        raise FieldError("TELEGRAM_PROXY", "needs the library python-socks; pip install 'tgstudio[proxy]'.")
    try:
        parts = urlsplit(settings.proxy.get_secret_value())
        known = parts.scheme in ("socks5", "socks4", "http") and parts.hostname and parts.port
    except ValueError:
        known = None
    if not known:
        raise FieldError("TELEGRAM_PROXY", "write socks5://user:password@host:port (or socks4, http).")
    return {
        "proxy_type": parts.scheme,
        "addr": parts.hostname,
        "port": parts.port,
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "rdns": True,
    }
