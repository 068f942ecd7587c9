"""Local accounts: logins and hashes of passwords in `operators.yaml` of the home, in streamlit-authenticator's format.

    credentials:
      usernames:
        operator: {name: Operator, password: $argon2id$…, roles: [operator]}

Passwords are hashed by Argon2id. The bcrypt hashes that streamlit-authenticator writes hold as well: its own Hasher checks
them, and at the next sign-in they are replaced.

Whose role lacks `operator` is an ordinary user, who may do what their membership says. The file is the only place of local
passwords; the user of a login is a row of the catalog. There is no default password.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
import string
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from tgstudio_dagster.core.errors import FieldError, NotFoundError, SettingsError, SignInError
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.services.passwords import check_password
from tgstudio_dagster.services.totp import step_of

FILE = "operators.yaml"
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_BCRYPT_READS = 72
"""bcrypt reads so many bytes and no more."""
_ARGON2 = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's least for Argon2id: 19 MiB, so that forty who sign in at once take less than a gibibyte."""
_BCRYPT = re.compile(r"\$2[aby]\$\d+\$.{53}")
_HASHES = re.compile(rf"{_BCRYPT.pattern}|\$argon2id\$v=\d+\$[\w=,]+\$[\w+/]+\$[\w+/]+")
_LOG = logging.getLogger(__name__)
_ALPHABET = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI")))


class _Account(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    password: str
    roles: list[str] | None = None
    totp: str | None = None


@dataclass(frozen=True)
class LocalAccount:
    """A login that has a password here."""

    login: str
    name: str
    is_operator: bool


class LocalAccounts:
    """The accounts of one home. The file is read at each question, so that an edit counts at once."""

    def __init__(self, settings: Settings) -> None:
        self.path = settings.home.resolve() / FILE

    def all(self) -> list[LocalAccount]:
        """The accounts, by login. Raises SettingsError where the file can't be read or is of another form."""
        return [_account(login, row) for login, row in sorted(self._read().items())]

    def hashes(self) -> dict[str, str]:
        """Of each login, what changes with its password, its roles or its second factor (SHA-256). Raises as `all`."""
        return {login: _hash_of(row) for login, row in self._read().items()}

    def check(self, login: str, password: SecretStr) -> LocalAccount:
        """The account of a login and its password. Raises SignInError, the same one for an unknown login."""
        rows = self._read()
        key = login.strip().lower()
        row = rows.get(key)
        typed = password.get_secret_value()
        stored = row.password if row else ""
        right = _is_argon2(typed, stored)
        if any(_BCRYPT.fullmatch(known.password) for known in rows.values()):
            right = _is_bcrypt(typed, stored) or right
        if row is None or not right:
            raise SignInError("the login or the password is wrong.", field="login")
        if _BCRYPT.fullmatch(stored) or _ARGON2.check_needs_rehash(stored):
            self._rehash(key, stored, password)
        return _account(key, row)

    def put(self, login: str, name: str, password: SecretStr, *, operator: bool) -> None:
        """Set an account's password, adding the account where it is new. Raises SettingsError that names the field."""
        if not _LOGIN.fullmatch(login):
            raise FieldError(
                "login", f"{login!r} must be 1 to 64 of a-z, 0-9, dot, hyphen, _ and @; begin with a letter."
            )
        check_password(password, [login, *name.split()])
        whole = self._load()
        roles = ["operator"] if operator else []
        users = whole.setdefault("credentials", {}).setdefault("usernames", {})
        users[login] = {
            **users.get(login, {}),
            "name": name,
            "password": _ARGON2.hash(password.get_secret_value()),
            "roles": roles,
        }
        self._write(whole)

    def reset(self, login: str, password: SecretStr) -> LocalAccount:
        """Set the password of a login that is known. Raises NotFoundError, naming those that are, for another one."""
        known = {one.login: one for one in self.all()}
        if login not in known:
            raise NotFoundError(
                f"there is no {login!r} in {self.path}; there are: {', '.join(known) or 'none'}.", field="login"
            )
        account = known[login]
        self.put(login, account.name, password, operator=account.is_operator)
        return account

    def needs_code(self, login: str) -> bool:
        """Whether the account asks for a code of an app (TOTP) after its password."""
        row = self._read().get(login)
        return row is not None and row.totp is not None

    def check_code(self, login: str, code: str, at: datetime) -> int:
        """The number of the half minute that a code is of; it is used once. Raises SignInError for a wrong one."""
        row = self._read().get(login)
        if row is None or row.totp is None:
            raise SignInError("the code is wrong.", field="code")
        step = step_of(row.totp, code, at)
        if step is None:
            raise SignInError("the code is wrong.", field="code")
        return step

    def set_totp(self, login: str, secret: str | None) -> None:
        """Have the account ask for codes of this secret, or (None) for none. Raises NotFoundError for an unknown login."""
        whole = self._load()
        users = (whole.get("credentials") or {}).get("usernames") or {}
        rows = [row for name, row in users.items() if str(name).lower() == login]
        if not rows:
            raise NotFoundError(f"there is no {login!r} in {self.path}.", field="login")
        for row in rows:
            row.pop("totp", None)
            if secret is not None:
                row["totp"] = secret
        self._write(whole)

    def remove(self, login: str) -> None:
        """Forget a login; one that is not known stays unknown. Raises SettingsError as `all`."""
        whole = self._load()
        users = (whole.get("credentials") or {}).get("usernames") or {}
        known = [name for name in users if str(name).lower() == login]
        for name in known:
            del users[name]
        if known:
            self._write(whole)

    def _rehash(self, login: str, stored: str, password: SecretStr) -> None:
        """Replace the hash that was read; a password that was changed meanwhile stands."""
        whole = self._load()
        for name, row in whole["credentials"]["usernames"].items():
            if str(name).lower() == login and row["password"] == stored:
                row["password"] = _ARGON2.hash(password.get_secret_value())
        try:
            self._write(whole)
        except SettingsError as error:
            # The old hash holds: nobody is kept out because the file can't be written.
            _LOG.warning("%s", error)

    def _read(self) -> dict[str, _Account]:
        whole = self._load()
        try:
            users = (whole.get("credentials") or {}).get("usernames") or {}
            found = {str(login).lower(): _Account.model_validate(row) for login, row in users.items()}
        except (AttributeError, ValidationError):
            # What stands there is not repeated: it may be a password.
            raise SettingsError(
                f"{self.path}: it is not of the form credentials: usernames: LOGIN: {{name, password}}."
            ) from None
        for login, row in found.items():
            if not _HASHES.fullmatch(row.password):
                raise SettingsError(
                    f"{self.path}: the password of {login!r} is no Argon2id or bcrypt hash; run `tgstudio user password "
                    f"{login}`."
                )
        return found

    def _load(self) -> dict[str, Any]:
        try:
            whole = yaml.safe_load(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise SettingsError(f"{self.path}: it can't be read ({type(error).__name__}); mend or remove it.") from None
        if whole is None:
            return {}
        if not isinstance(whole, dict):
            raise SettingsError(
                f"{self.path}: it is not of the form credentials: usernames: LOGIN: {{name, password}}."
            )
        return whole

    def _write(self, whole: dict[str, Any]) -> None:
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
                yaml.safe_dump(whole, file, sort_keys=False, allow_unicode=True)
            Path(fresh).replace(self.path)
        except OSError as error:
            raise SettingsError(f"{self.path}: it can't be written: {error.strerror}.") from error


def _hash_of(row: _Account) -> str:
    return hashlib.sha256("\0".join([row.password, row.totp or "", *sorted(row.roles or [])]).encode()).hexdigest()


def new_password() -> SecretStr:
    """A random password of 20 letters and digits that are not mistaken for one another."""
    return SecretStr("".join(secrets.choice(_ALPHABET) for _ in range(20)))


def _account(login: str, row: _Account) -> LocalAccount:
    name = row.name or " ".join(part for part in (row.first_name, row.last_name) if part) or login
    return LocalAccount(login, name, "operator" in (row.roles or []))


def _is_argon2(typed: str, stored: str) -> bool:
    """Whether the password is the hash's. What is no Argon2id hash takes as long as a wrong password."""
    argon2 = stored.startswith("$argon2id$")
    try:
        return _ARGON2.verify(stored if argon2 else _decoys()[0], typed) and argon2
    except (VerificationError, InvalidHashError):
        return False


def _is_bcrypt(typed: str, stored: str) -> bool:
    """As `_is_argon2`, of bcrypt."""
    from streamlit_authenticator.utilities import Hasher

    bcrypt = _BCRYPT.fullmatch(stored) is not None
    # bcrypt refuses more than it reads; such a password was never set.
    fits = len(typed.encode()) <= _BCRYPT_READS and "\0" not in typed
    right = Hasher.check_pw(typed if fits else "", stored if bcrypt else _decoys()[1])
    return bool(right) and fits and bcrypt


@cache
def _decoys() -> tuple[str, str]:
    """Hashes of a password that nobody has: of Argon2id, and of bcrypt at the cost that streamlit-authenticator takes."""
    from streamlit_authenticator.utilities import Hasher

    password = new_password().get_secret_value()
    return _ARGON2.hash(password), str(Hasher.hash(password))
