"""The product's errors: one small hierarchy, each saying what was wrong, where, and what to do.

Only exception classes belong here. Every message names the field, file or object and the mend; none carries a secret.
"""

from __future__ import annotations


class TGStudioError(Exception):
    """Base of every error that a user may see; the CLI prints its message and exits with 1."""


class SettingsError(TGStudioError):
    """A setting is missing or malformed."""


class NotFoundError(TGStudioError):
    """A tenant, topic, order, package or message that was named does not exist for this principal."""


class ConflictError(TGStudioError):
    """The thing exists already, or its state does not allow what was asked."""


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
