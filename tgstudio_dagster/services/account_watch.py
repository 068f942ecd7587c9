"""Whether the local accounts' file still says what sessions and keys were opened by: looked at each second, in each process.

An account that is gone from the file, has another password or other roles, ends what its user has open.
"""

from __future__ import annotations

import logging

from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.catalog.people.departures import adopt_account, changed_account, local_users
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import SettingsError
from tgstudio_dagster.services.local_accounts import LocalAccounts

GONE = "gone"
_LOG = logging.getLogger(__name__)


def notice_changes(catalog: Catalog, accounts: LocalAccounts) -> int:
    """End what was opened by accounts that were changed since; returns how many users that were.

    A file that can't be read changes nothing: nobody can sign in by it either, and who is in may mend it.
    """
    try:
        hashes = accounts.hashes()
    except SettingsError as error:
        _LOG.warning("%s", error)
        return 0
    changed = 0
    for user in local_users(catalog):
        now_is = hashes.get(user.login or "", GONE)
        if user.account_hash == now_is:
            continue
        if user.account_hash is None and now_is != GONE:
            # From before accounts were watched: what it is now is what it was.
            adopt_account(catalog, user.id, now_is)
            continue
        ended = changed_account(catalog, user.id, now_is, utc_now(), is_operator=user.is_operator and now_is != GONE)
        _LOG.warning("local account %s was changed or removed: %d sessions and %d keys ended", user.login, *ended)
        changed += 1
    return changed
