"""The vault: Telegram sessions and other secrets sealed with AES-256-GCM: the catalog's rows alone are worth nothing.

Keys and ciphers belong here; no SQL (see accounts.py), no file, no Telegram. An envelope is version (1 byte), key number
(2, big-endian), nonce (12), ciphertext with its tag. What is authenticated with it binds the header, the purpose, the tenant
and the row: a cipher that was copied to another row does not open. Nothing here ever shows a key or a secret.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import SecretStr

from tgstudio_dagster.core.errors import FieldError, VaultError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = 1
_HEADER = struct.Struct(">BH")
_NONCE = 12
"""Bytes, as NIST SP 800-38D recommends; random ones are safe for 2^32 sealings under one key."""
_TAG = 16
_KEY = 32
_SESSION = "tgstudio/telegram-session"
_SECRET = "tgstudio/secret"  # noqa: S105 - a purpose
_VARIABLE = re.compile(r"SESSION_KEY_([1-9]\d{0,4})")
_LARGEST = 2**16 - 1
_MEND = "`tgstudio keys new` makes one"


class Vault:
    """The keys by number: the highest seals, each opens what it has sealed."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys:
            raise FieldError(
                "SESSION_KEY_1", f"it is not set, so neither session nor secret can be stored; {_MEND}."
            ).coded("machine.session_key")
        for number, key in keys.items():
            if not 1 <= number <= _LARGEST:
                raise FieldError(f"SESSION_KEY_{number}", f"keys are numbered from 1 to {_LARGEST}; rename it.")
            if len(key) != _KEY:
                raise FieldError(f"SESSION_KEY_{number}", f"it has {len(key)} bytes instead of {_KEY}; {_MEND}.")
        self._keys = dict(keys)
        self.newest = max(self._keys)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Vault:
        """The keys of SESSION_KEY_1, SESSION_KEY_2, …, each the base64 of 32 bytes.

        Raises SettingsError that names the variable and the mend, never what it holds.
        """
        keys: dict[int, bytes] = {}
        for name in sorted(name for name in environ if name.startswith("SESSION_KEY_")):
            match = _VARIABLE.fullmatch(name)
            if match is None:
                raise FieldError(name, "keys are named SESSION_KEY_1, SESSION_KEY_2, …; rename it.")
            try:
                keys[int(match[1])] = base64.b64decode(environ[name].strip(), validate=True)
            except (binascii.Error, ValueError):
                # The cause is left out: it may quote what the variable holds.
                raise FieldError(name, f"it is not the base64 of {_KEY} bytes; {_MEND}.") from None
        return cls(keys)

    def seal(self, session: SecretStr, *, tenant: str, account_id: str) -> bytes:
        """The session's cipher for this account's row, under the newest key; another one at each call."""
        return self._seal(session, _SESSION, tenant, account_id)

    def seal_secret(self, secret: SecretStr, *, tenant: str, name: str) -> bytes:
        """As `seal`, of a secret that is no session: `name` says what of, for example `webhook/<id>`."""
        return self._seal(secret, _SECRET, tenant, name)

    def open(self, cipher: bytes, *, tenant: str, account_id: str) -> SecretStr:
        """The session. Raises VaultError where its key is missing or wrong, or the cipher was moved or damaged."""
        return self._open(
            cipher, _SESSION, tenant, account_id, (f"Account {account_id}", "session", "pair the account anew")
        )

    def open_secret(self, cipher: bytes, *, tenant: str, name: str) -> SecretStr:
        """The secret. Raises VaultError as `open` does."""
        return self._open(cipher, _SECRET, tenant, name, (name, "secret", "give it a new secret"))

    def _seal(self, secret: SecretStr, purpose: str, tenant: str, name: str) -> bytes:
        header = _HEADER.pack(_VERSION, self.newest)
        nonce = os.urandom(_NONCE)
        plain = secret.get_secret_value().encode()
        return header + nonce + self._cipher(self.newest).encrypt(nonce, plain, _bound(header, purpose, tenant, name))

    def _open(self, cipher: bytes, purpose: str, tenant: str, name: str, words: tuple[str, str, str]) -> SecretStr:
        """`words` name whose it is, what it is, and what else mends it."""
        from cryptography.exceptions import InvalidTag

        owner, what, mend = words
        number = self.key_of(cipher)
        if number not in self._keys:
            raise VaultError(
                f"{owner}: its {what} is sealed with SESSION_KEY_{number}, which is not set; set that key again, or {mend}."
            )
        header, rest = cipher[: _HEADER.size], cipher[_HEADER.size :]
        try:
            plain = self._cipher(number).decrypt(rest[:_NONCE], rest[_NONCE:], _bound(header, purpose, tenant, name))
        except InvalidTag:
            raise VaultError(
                f"{owner}: SESSION_KEY_{number} does not open its {what}: the variable holds another key than it did, or "
                f"the row was moved or damaged. Set the right key, or {mend}."
            ) from None
        return SecretStr(plain.decode())

    def key_of(self, cipher: bytes) -> int:
        """Number of the key that the cipher was sealed with. Raises VaultError for what is no cipher of this vault."""
        if len(cipher) < _HEADER.size + _NONCE + _TAG:
            raise VaultError("A stored session is cut short: restore the catalog's backup, or pair the account anew.")
        version, number = _HEADER.unpack_from(cipher)
        if version != _VERSION:
            raise VaultError(
                f"A stored session is of version {version}, not {_VERSION}: a newer TG Studio has sealed it, or it is "
                "damaged. Use that one, or pair the account anew."
            )
        return int(number)

    def needs_rotation(self, cipher: bytes) -> bool:
        """Whether the cipher was sealed with another key than the newest."""
        return self.key_of(cipher) != self.newest

    def _cipher(self, number: int) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._keys[number])

    def __repr__(self) -> str:
        return f"Vault(keys {', '.join(str(number) for number in sorted(self._keys))})"


def new_key() -> str:
    """A new random key, as a SESSION_KEY_n variable holds it."""
    return base64.b64encode(os.urandom(_KEY)).decode()


def _bound(header: bytes, purpose: str, tenant: str, name: str) -> bytes:
    # With its length before it, the tenant can't run over into the name.
    return header + f"{purpose}/{len(tenant)}/{tenant}/{name}".encode()
