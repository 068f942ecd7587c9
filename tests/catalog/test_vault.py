"""A sealed session opens under its own key, tenant and account only, and nothing shows a key or a session."""

from __future__ import annotations

import base64
import subprocess
import sys
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tgstudio_dagster.catalog.accounts.vault import Vault, new_key
from tgstudio_dagster.core.errors import SettingsError, VaultError

SECRET = "1ApWapzMBu-the-session"
KEY = b"k" * 32
VAULT = Vault({1: KEY})

texts = st.text(st.characters(codec="utf-8"), max_size=300)
keys = st.binary(min_size=32, max_size=32)
numbers = st.integers(1, 2**16 - 1)


def _seal(vault: Vault = VAULT) -> bytes:
    return vault.seal(SecretStr(SECRET), tenant="demo", account_id="a1")


@given(session=texts, tenant=texts, account=texts, kept=st.dictionaries(numbers, keys, min_size=1, max_size=4))
def test_what_was_sealed_opens_again(session: str, tenant: str, account: str, kept: dict[int, bytes]) -> None:
    vault = Vault(kept)
    cipher = vault.seal(SecretStr(session), tenant=tenant, account_id=account)
    assert vault.open(cipher, tenant=tenant, account_id=account).get_secret_value() == session
    assert vault.key_of(cipher) == max(kept)
    assert not vault.needs_rotation(cipher)


@given(place=st.integers(min_value=0), flip=st.integers(1, 255))
def test_a_cipher_changed_anywhere_does_not_open(place: int, flip: int) -> None:
    cipher = bytearray(_seal())
    cipher[place % len(cipher)] ^= flip
    with pytest.raises(VaultError):
        VAULT.open(bytes(cipher), tenant="demo", account_id="a1")


@given(length=st.integers(0, 60))
def test_a_cipher_cut_anywhere_does_not_open(length: int) -> None:
    cipher = _seal()
    with pytest.raises(VaultError):
        VAULT.open(cipher[: min(length, len(cipher) - 1)], tenant="demo", account_id="a1")


@given(owner=st.tuples(texts, texts), other=st.tuples(texts, texts))
def test_a_cipher_opens_in_its_own_row_only(owner: tuple[str, str], other: tuple[str, str]) -> None:
    cipher = VAULT.seal(SecretStr(SECRET), tenant=owner[0], account_id=owner[1])
    if owner == other:
        assert VAULT.open(cipher, tenant=other[0], account_id=other[1]).get_secret_value() == SECRET
    else:
        with pytest.raises(VaultError, match="moved"):
            VAULT.open(cipher, tenant=other[0], account_id=other[1])


def test_letters_do_not_wander_from_the_tenant_to_the_account() -> None:
    cipher = VAULT.seal(SecretStr(SECRET), tenant="ab", account_id="c")
    with pytest.raises(VaultError):
        VAULT.open(cipher, tenant="a", account_id="bc")


def test_a_session_is_sealed_differently_each_time_and_is_not_in_its_cipher() -> None:
    ciphers = {_seal() for _ in range(20)}
    assert len(ciphers) == 20
    assert not any(SECRET.encode() in cipher or KEY in cipher for cipher in ciphers)


def test_the_highest_key_seals_and_the_others_still_open() -> None:
    old = _seal()
    both = Vault({1: KEY, 10: b"n" * 32, 2: b"m" * 32})
    assert (both.key_of(old), both.needs_rotation(old)) == (1, True)
    assert both.open(old, tenant="demo", account_id="a1").get_secret_value() == SECRET
    assert both.key_of(_seal(both)) == 10


def test_a_missing_key_is_named() -> None:
    with pytest.raises(VaultError, match="a1.*SESSION_KEY_1, which is not set"):
        Vault({2: KEY}).open(_seal(), tenant="demo", account_id="a1")


def test_a_wrong_key_is_named() -> None:
    with pytest.raises(VaultError, match="SESSION_KEY_1 does not open"):
        Vault({1: b"x" * 32}).open(_seal(), tenant="demo", account_id="a1")


def test_a_cipher_of_a_newer_version_says_so() -> None:
    with pytest.raises(VaultError, match="version 2"):
        VAULT.key_of(b"\x02" + _seal()[1:])


def test_keys_come_from_the_environment() -> None:
    vault = Vault.from_environment({"SESSION_KEY_1": new_key(), "SESSION_KEY_12": f" {new_key()}\n", "PATH": "/bin"})
    assert vault.newest == 12


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "SESSION_KEY_1: it is not set"),
        ({"SESSION_KEY_2": ""}, "SESSION_KEY_2: it has 0 bytes"),
        ({"SESSION_KEY_2": "hunter2 hunter2"}, "SESSION_KEY_2: it is not the base64"),
        ({"SESSION_KEY_2": "хантер"}, "SESSION_KEY_2: it is not the base64"),
        ({"SESSION_KEY_3": base64.b64encode(b"hunter2").decode()}, "SESSION_KEY_3: it has 7 bytes"),
        ({"SESSION_KEY_0": "hunter2"}, "SESSION_KEY_0: keys are named"),
        ({"SESSION_KEY_OLD": "hunter2"}, "SESSION_KEY_OLD: keys are named"),
        ({"SESSION_KEY_99999": base64.b64encode(KEY).decode()}, "SESSION_KEY_99999: keys are numbered"),
    ],
)
def test_a_bad_key_is_named_with_its_mend_and_not_shown(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        Vault.from_environment(environ)
    shown = "".join(traceback.format_exception(caught.value))
    assert "`tgstudio keys new`" in shown or "rename it" in shown
    assert "hunter2" not in shown and "aHVudGVyMg" not in shown and "хантер" not in shown


def test_no_text_of_the_vault_or_of_its_errors_shows_a_secret() -> None:
    vault = Vault({1: KEY, 2: b"secondsecondsecondsecondsecond!!"})
    opened = vault.open(_seal(vault), tenant="demo", account_id="a1")
    shown = [repr(vault), str(vault), f"{vault}", repr(opened), str(opened)]
    for broken in (_seal(vault)[:-1], _seal(vault)[:5], b"\x09" + _seal(vault)[1:], b"\x01\x00\x07" + _seal(vault)[3:]):
        with pytest.raises(VaultError) as caught:
            vault.open(broken, tenant="demo", account_id="a1")
        shown.append("".join(traceback.format_exception(caught.value)))
    assert repr(vault) == "Vault(keys 1, 2)"
    for text in shown:
        assert SECRET not in text and "kkkk" not in text and "second" not in text


def test_the_vault_loads_no_cryptography_before_it_is_used() -> None:
    code = "import sys, tgstudio_dagster.catalog.accounts.accounts; print('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
