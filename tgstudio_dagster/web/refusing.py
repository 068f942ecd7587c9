"""Writes down who is not let in: in the log and, so many a minute, in the audit log. What an attacker sends fills no disk."""

from __future__ import annotations

import logging
from ipaddress import IPv6Address, ip_address, ip_network

from tgstudio_dagster.catalog.people.refusals import note_refusal
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import QuotaError, TGStudioError
from tgstudio_dagster.services.platform import Platform

_PER_MINUTE = 120
"""Refusals that are written to the audit log; of one address, a quarter of that. The log has the rest."""
_LOG = logging.getLogger(__name__)


def refused(platform: Platform, kind: str, *, subject: str | None, ip: str, error: TGStudioError) -> None:
    """Note a refusal. Never raises: whoever is refused is told why they are, and nothing else."""
    _LOG.warning("%s: %r from %s: %s", kind, (subject or "")[:64], ip, error)
    try:
        platform.limiter.take("refusals_of", address_block(ip), _PER_MINUTE // 4)
        platform.limiter.take("refusals", "all", _PER_MINUTE)
        note_refusal(platform.catalog, kind, subject=subject, ip=ip, why=str(error), now=utc_now())
    except QuotaError:
        return
    except Exception:  # noqa: BLE001 - a refusal stands, whether it can be written down or not
        _LOG.exception("a refusal could not be written to the audit log")


def address_block(ip: str) -> str:
    """What counts as one address: an IPv4 address, the /64 network of an IPv6 one, which one person has whole."""
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return ip
    if not isinstance(address, IPv6Address):
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped) if mapped is not None else str(ip_network((address, 64), strict=False))
