"""What a key may have that another key creates: never more than that one has. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_network

from tgstudio_dagster.catalog.people.models import ApiKey
from tgstudio_dagster.core.errors import ForbiddenError


@dataclass(frozen=True)
class Narrowed:
    """What a key is limited to; None: it has no limit of its own."""

    scopes: frozenset[str]
    rate_per_minute: int | None
    ips: list[str] | None
    user_agents: list[str] | None
    tools: list[str] | None
    expires_at: datetime | None


def within(asked: Narrowed, parent: ApiKey) -> Narrowed:
    """What was asked for, with the parent's limits where none were given. Raises ForbiddenError where it is more than those."""
    if beyond := sorted(asked.scopes - set(parent.scopes)):
        raise _more("scopes", f"it has not {', '.join(beyond)}")
    rate, ips, agents = asked.rate_per_minute, asked.ips, asked.user_agents
    tools, expires_at = asked.tools, asked.expires_at
    if parent.rate_per_minute is not None:
        rate = parent.rate_per_minute if rate is None else rate
        if rate > parent.rate_per_minute:
            raise _more("rate_per_minute", f"it may make {parent.rate_per_minute} calls a minute")
    if parent.ips:
        ips = ips or list(parent.ips)
        if not all(_inside(ip, parent.ips) for ip in ips):
            raise _more("ips", f"it is for {', '.join(parent.ips)}")
    if parent.user_agents:
        agents = agents or list(parent.user_agents)
        begins = tuple(agent.lower() for agent in parent.user_agents)
        if not all(agent.lower().startswith(begins) for agent in agents):
            raise _more("user_agents", f"it is for {', '.join(parent.user_agents)}")
    if parent.tools is not None:
        tools = list(parent.tools) if tools is None else tools
        if beyond := sorted(set(tools) - set(parent.tools)):
            raise _more("tools", f"it may not use {', '.join(beyond)}")
    if parent.expires_at is not None:
        expires_at = expires_at or parent.expires_at
        if expires_at > parent.expires_at:
            raise _more("expires_at", f"it ends at {parent.expires_at:%Y-%m-%d %H:%M} UTC")
    return replace(
        asked, rate_per_minute=rate, ips=ips, user_agents=agents, tools=tools, expires_at=expires_at
    )  # fmt: skip


def _inside(ip: str, networks: Iterable[str]) -> bool:
    inner = ip_network(ip, strict=False)
    return any(_covers(ip_network(network, strict=False), inner) for network in networks)


def _covers(outer: IPv4Network | IPv6Network, inner: IPv4Network | IPv6Network) -> bool:
    if isinstance(outer, IPv4Network) and isinstance(inner, IPv4Network):
        return inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def _more(field: str, why: str) -> ForbiddenError:
    return ForbiddenError(f"a key creates none with more than it has: {why}.", field=field)
