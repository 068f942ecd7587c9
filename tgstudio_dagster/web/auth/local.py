"""Local accounts: logins and bcrypt hashes in `operators.yaml` of the home, in streamlit-authenticator's format.

    credentials:
      usernames:
        operator: {name: Operator, password: $2b$12$…, roles: [operator]}

Whose role lacks `operator` is an ordinary user, who may do what their membership says. The file is the only place of local
passwords; the user of a login is a row of the catalog. There is no default password.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import string
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from tgstudio_dagster.core.errors import FieldError, NotFoundError, SettingsError, SignInError
from tgstudio_dagster.core.settings import Settings

FILE = "operators.yaml"
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_SHORTEST, _LONGEST = 10, 72
"""bcrypt reads 72 bytes and no more."""
_ALPHABET = "".join(sorted(set(string.ascii_letters + string.digits) - set("0O1lI")))


class _Account(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    password: str
    roles: list[str] | None = None


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

    def check(self, login: str, password: SecretStr) -> LocalAccount:
        """The account of a login and its password. Raises SignInError, the same one for an unknown login."""
        rows = self._read()
        key = login.strip().lower()
        row = rows.get(key)
        typed = password.get_secret_value()
        # A login that is not known takes as long.
        right = _matches(typed, row.password if row else _decoy())
        if row is None or not right:
            raise SignInError("the login or the password is wrong.", field="login")
        return _account(key, row)

    def put(self, login: str, name: str, password: SecretStr, *, operator: bool) -> None:
        """Set an account's password, adding the account where it is new. Raises SettingsError that names the field."""
        if not _LOGIN.fullmatch(login):
            raise FieldError(
                "login", f"{login!r} must be 1 to 64 of a-z, 0-9, dot, hyphen, _ and @; begin with a letter."
            )
        length = len(password.get_secret_value().encode())
        if not _SHORTEST <= length <= _LONGEST:
            raise FieldError("password", f"it has {length} bytes; choose {_SHORTEST} to {_LONGEST}.")
        whole = self._load()
        roles = ["operator"] if operator else []
        users = whole.setdefault("credentials", {}).setdefault("usernames", {})
        users[login] = {**users.get(login, {}), "name": name, "password": _hash(password), "roles": roles}
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
            if not re.fullmatch(r"\$2[aby]\$\d+\$.{53}", row.password):
                raise SettingsError(
                    f"{self.path}: the password of {login!r} is no bcrypt hash; run `tgstudio user password {login}`."
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


def new_password() -> SecretStr:
    """A random password of 20 letters and digits that are not mistaken for one another."""
    return SecretStr("".join(secrets.choice(_ALPHABET) for _ in range(20)))


def _account(login: str, row: _Account) -> LocalAccount:
    name = row.name or " ".join(part for part in (row.first_name, row.last_name) if part) or login
    return LocalAccount(login, name, "operator" in (row.roles or []))


def _hash(password: SecretStr) -> str:
    return str(_hasher().hash(password.get_secret_value()))


def _matches(typed: str, hashed: str) -> bool:
    # bcrypt refuses more than it reads; such a password was never set.
    fits = len(typed.encode()) <= _LONGEST and "\0" not in typed
    return bool(_hasher().check_pw(typed if fits else "", hashed)) and fits


@cache
def _hasher() -> Any:
    # It brings Streamlit along, which warns of being imported by a mere command.
    logging.disable(logging.WARNING)
    try:
        from streamlit_authenticator.utilities import Hasher
    finally:
        logging.disable(logging.NOTSET)
    return Hasher


@cache
def _decoy() -> str:
    return _hash(new_password())
