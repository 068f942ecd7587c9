"""Two-factor passwords: Telegram's SRP, the server's half. (https://core.telegram.org/api/srp)"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from telethon import types
from telethon.crypto.rsa import get_byte_array
from telethon.password import big_num_for_hash, compute_hash, num_bytes_for_hash, sha256, xor

PRIME = int(
    "c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f"
    "48198a0aa7c14058229493d22530f4dbfa336f6e0ac925139543aed44cce7c37"
    "20fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64"
    "2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4"
    "a4a695811051907e162753b56b0f6b410dba74d8a84b2a14b3144e0ef1284754"
    "fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4"
    "e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f"
    "0d8115f635b105ee2e4e15d04b2454bf6f4fadf034b10403119cd8e3b92fcc5b",
    16,
)
"""Telegram's own 2048-bit prime: the one that Telethon accepts without testing it."""
GENERATOR = 3


@dataclass(frozen=True)
class Challenge:
    """The server's secret and public number of one password check."""

    secret: int
    public: int


def verifier(password: str) -> tuple[Any, int]:
    """The algorithm with fresh salts, and the verifier of a password: all that the server keeps of it."""
    algorithm = types.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow(
        os.urandom(8), os.urandom(16), GENERATOR, get_byte_array(PRIME)
    )
    return algorithm, pow(GENERATOR, int.from_bytes(compute_hash(algorithm, password), "big"), PRIME)


def challenge(secret: tuple[Any, int]) -> Challenge:
    """A fresh challenge for the owner of the verifier."""
    algorithm, known = secret
    own = int.from_bytes(os.urandom(256), "big") % PRIME
    multiplier = int.from_bytes(sha256(num_bytes_for_hash(algorithm.p), big_num_for_hash(GENERATOR)), "big")
    return Challenge(own, (multiplier * known + pow(GENERATOR, own, PRIME)) % PRIME)


def proves(secret: tuple[Any, int], asked: Challenge, answer: Any) -> bool:
    """Whether the InputCheckPasswordSRP was made with the right password."""
    algorithm, known = secret
    theirs = int.from_bytes(answer.A, "big")
    theirs_bytes, ours_bytes = big_num_for_hash(theirs), big_num_for_hash(asked.public)
    scramble = int.from_bytes(sha256(theirs_bytes, ours_bytes), "big")
    shared = sha256(big_num_for_hash(pow(theirs * pow(known, scramble, PRIME), asked.secret, PRIME)))
    expected = sha256(
        xor(sha256(num_bytes_for_hash(algorithm.p)), sha256(big_num_for_hash(GENERATOR))),
        sha256(algorithm.salt1),
        sha256(algorithm.salt2),
        theirs_bytes,
        ours_bytes,
        shared,
    )
    return bool(expected == answer.M1)
