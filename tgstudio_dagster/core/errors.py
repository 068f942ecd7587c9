"""The product's errors: one small hierarchy, each saying what was wrong, where, and what to do.

Only exception classes belong here. Every message names the field, file or object and the mend; none carries a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal, Self


class TGStudioError(Exception):
    """Base of every error that a user may see; the CLI prints its message and exits with 1.

    `field` names what was wrong where one thing was: a field of a request, a parameter, a setting. It begins the message.

    The message is in English, for terminals, logs and programs. `code` (`text.too_long`) and `params` say the same to the
    pages, which have a sentence for it in the language of whoever looks (streamlit_app/i18n/*/errors.yaml).
    """

    field: str | None = None
    code: str | None = None
    params: Mapping[str, str | int | datetime] = MappingProxyType({})

    def __init__(self, message: str = "", *, field: str | None = None) -> None:
        super().__init__(message if field is None else f"{field}: {message}")
        if field is not None:
            self.field = field

    def coded(self, code: str, **params: str | int | datetime) -> Self:
        """The same error, with its code and what its sentence names."""
        self.code, self.params = code, params
        return self


class SettingsError(TGStudioError):
    """A setting is missing or malformed."""


class FieldError(SettingsError):
    """A field of a request, or a setting of this machine, holds what it may not; the message follows its name."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message, field=field)

    def __reduce__(self) -> tuple[type[FieldError], tuple[str, str], dict[str, object]]:
        """So that it is the same error in another process, though it is made of two arguments and keeps one."""
        field = self.field or ""
        return type(self), (field, str(self).removeprefix(f"{field}: ")), self.__dict__


class NotFoundError(TGStudioError):
    """A tenant, topic, order, package or message that was named does not exist for this principal."""


class ConflictError(TGStudioError):
    """The thing exists already, or its state does not allow what was asked."""


class StoppedError(ConflictError):
    """The work was stopped by who had asked for it: the end of a run, and no fault."""


class TakenError(ConflictError):
    """Another run does the work, or has done it: the end of this one, and no fault."""


class LeaseHeldError(TGStudioError):
    """Another live process holds the lease that this work needs."""


class ContractError(TGStudioError):
    """A frame does not match its table's contract; nothing was written."""


class LakeError(TGStudioError):
    """The lake could not be read or written (disk full, no permission, store unreachable); the old object stands."""


class SourceError(TGStudioError):
    """A file handed to `tgstudio import` is of an unknown shape, truncated or wrongly encoded."""


class QueryError(TGStudioError):
    """A query on the lake was refused (not read-only, outside the tenant) or failed."""


class NewsroomError(TGStudioError):
    """An order cannot be written, drawn or published as asked."""


class BudgetError(ConflictError):
    """A call of a model was not made: what it may cost would pass the ceiling `name`, or can't be told."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class UnknownOutcomeError(ConflictError):
    """A call of a model was sent and its answer never noted: it may have been paid, and is not repeated unasked."""


class SignInError(TGStudioError):
    """Nobody is signed in, or the proof of who it is does not hold: wrong, too old, used before, or ended."""


class ForbiddenError(TGStudioError):
    """Who asks is known, and may not: their role, their key's scope, or where they ask from does not allow it."""


class RecentSignInError(ForbiddenError):
    """What was asked for opens a door, and the session signed in too long ago: the person signs in again first."""


class QuotaError(TGStudioError):
    """A limit of a minute or a day is used up until `until`; `name` is the limit's."""

    def __init__(self, name: str, until: datetime, message: str | None = None) -> None:
        super().__init__(
            message or f"{name}: used up until {until:%Y-%m-%d %H:%M:%S} UTC; wait, or ask for another plan."
        )
        self.name = self.field = name
        self.until = until


class LimitError(ConflictError):
    """A standing limit (channels, accounts, work at once) is spent; `field` is its name. Time does not mend it.

    What the tenant holds must get less, or its plan larger.
    """


class LimiterError(TGStudioError):
    """What counts calls for several processes (Redis) does not answer; nobody is let in uncounted."""


class RunsError(TGStudioError):
    """Dagster's web server does not answer, or could not do what was asked of a run."""


class VaultError(TGStudioError):
    """A stored session cannot be opened: its key is missing or wrong, or the cipher was moved or damaged."""


class TelegramError(TGStudioError):
    """Telegram refused a call, for a reason that asking again won't change."""


class RefusedError(TelegramError):
    """Telegram refused this one call, or answered what can't be read: not for the account, the channel, or for a time."""


class UnreachableError(TelegramError):
    """Telegram did not answer, or answered with a fault of its own, however often it was asked. Never a logout."""


class FloodError(TelegramError):
    """A method of an account must not be called before `until`: Telegram said so, or the product's own pace does."""

    def __init__(self, method: str, until: datetime) -> None:
        super().__init__(f"{method}: Telegram asks to wait until {until:%Y-%m-%d %H:%M:%S} UTC; it goes on by itself.")
        self.method = method
        self.until = until


class ChannelLostError(TelegramError):
    """The account does not see the channel (any more): it is private, banned, gone, or never was."""


class ApprovalNeededError(TelegramError):
    """The account has asked to join, and the channel's admins have not let it in yet; time mends it, or they say no."""


class AuthorityLostError(TelegramError):
    """The session is no longer an account's: `status` is what the account becomes (`expired` or `banned`)."""

    def __init__(self, status: Literal["expired", "banned"], reason: str) -> None:
        super().__init__(reason)
        self.status = status


class PairingError(TelegramError):
    """A pairing can't go on: a wrong code or password, too many attempts, too late, or its process has ended."""
