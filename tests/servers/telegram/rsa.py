"""The server's RSA key: what a client encrypts its first secret for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from telethon.crypto.rsa import _compute_fingerprint


class RsaKey:
    """A 2048-bit key; made in 0.1 s, or read from `file` (PEM), where it is kept if the file does not exist yet."""

    def __init__(self, file: Path | None = None) -> None:
        if file is not None and file.exists():
            loaded: Any = serialization.load_pem_private_key(file.read_bytes(), None)
        else:
            loaded = rsa.generate_private_key(65537, 2048)
            if file is not None:
                file.write_bytes(_private_pem(loaded))
        self._numbers = loaded.private_numbers()
        self.n: int = self._numbers.public_numbers.n
        self.e: int = self._numbers.public_numbers.e
        self.fingerprint: int = _compute_fingerprint(self)
        self.public_pem: str = (
            loaded.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1).decode()
        )

    def decrypt(self, cipher: bytes) -> bytes:
        """The 256 bytes that were encrypted, without any padding scheme."""
        numbers = self._numbers
        number = int.from_bytes(cipher, "big")
        by_p = pow(number, numbers.dmp1, numbers.p)
        by_q = pow(number, numbers.dmq1, numbers.q)
        whole = by_q + numbers.q * (numbers.iqmp * (by_p - by_q) % numbers.p)
        return int(whole).to_bytes(256, "big")


def _private_pem(key: Any) -> bytes:
    done: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return done
