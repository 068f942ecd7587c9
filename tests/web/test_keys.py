"""A program may do what its key's scopes and its user's role say, from where the key says, so often as it may."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.catalog.rows import make_account
from tests.web.site import Site
from tgstudio_dagster.catalog.money.models import Quota
from tgstudio_dagster.catalog.money.plans import spent
from tgstudio_dagster.catalog.people.api_keys import list_keys, revoke_key
from tgstudio_dagster.catalog.people.tenant_settings import TenantSettings
from tgstudio_dagster.catalog.people.tenants import add_member, put_settings
from tgstudio_dagster.core.clock import utc_now


def test_a_key_acts_for_its_user_in_its_tenant_with_its_scopes_only(site: Site) -> None:
    me = site.program("acme", "read", "order", role="editor").get("/v1/me").json()
    assert (me["tenant"], me["role"], me["scopes"], me["csrf"]) == ("acme", "editor", ["order", "read"], None)
    assert me["tenants"] == ["acme"]


def test_an_operators_key_is_an_owners(site: Site) -> None:
    assert site.program("acme", "admin", role="operator").get("/v1/me").json()["role"] == "owner"


def test_a_key_loses_what_its_user_loses(site: Site) -> None:
    program = site.program("acme", "read", "order", role="editor")
    add_member(site.catalog, "acme", site.user("acme", "editor").id, "viewer")
    me = program.get("/v1/me").json()
    assert (me["role"], me["scopes"]) == ("viewer", ["read"])


@pytest.mark.parametrize("sent", ["Bearer tgs_unknown", "Bearer", "Basic dGdz", "tgs_x"])
def test_what_is_no_key_is_not_let_in_even_beside_a_good_cookie(site: Site, sent: str) -> None:
    answer = site.sign_in("acme").get("/v1/me", headers={"authorization": sent})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "tgs_unknown" not in answer.text


def test_a_revoked_or_expired_key_is_none(site: Site) -> None:
    key, secret = site.key("acme", "read")
    program = site.nobody()
    program.headers["authorization"] = f"Bearer {secret}"
    assert program.get("/v1/me").status_code == 200
    revoke_key(site.catalog, site.principal("acme"), key.id, now=utc_now())
    assert program.get("/v1/me").status_code == 401
    key, secret = site.key("acme", "read", expires_at=utc_now() + timedelta(hours=1))
    with site.catalog.tenant_session("acme", writing=True) as session:
        session.get_one(type(key), key.id).expires_at = utc_now()
    program.headers["authorization"] = f"Bearer {secret}"
    assert program.get("/v1/me").status_code == 401


def test_who_tries_many_keys_is_told_to_wait(site: Site) -> None:
    guesser, program = site.nobody(), site.program("acme", "read")
    found = [guesser.get("/v1/me", headers={"authorization": f"Bearer tgs_{n}"}).status_code for n in range(21)]
    assert found == [401] * 20 + [429]
    assert program.get("/v1/me").status_code == 200


def test_a_key_opens_no_page(site: Site) -> None:
    assert site.program("acme", "admin").get("/feed").status_code == 401


def test_a_key_needs_no_csrf_token(site: Site) -> None:
    assert site.program("acme", "read").post("/v1/nowhere").status_code == 404


@pytest.mark.parametrize(("ips", "status"), [(["127.0.0.0/8"], 200), (["192.0.2.7", "::1"], 403)])
def test_a_key_is_good_from_its_addresses(site: Site, ips: list[str], status: int) -> None:
    assert site.program("acme", "read", ips=ips).get("/v1/me").status_code == status


def test_a_tenants_addresses_hold_for_keys_too(site: Site) -> None:
    program = site.program("acme", "read")
    put_settings(site.catalog, "acme", TenantSettings(allowed_ips=("192.0.2.0/24",)))
    assert program.get("/v1/me").status_code == 403
    assert site.sign_in("acme").get("/v1/me").status_code == 403
    assert site.program("other", "read").get("/v1/me").status_code == 200


def test_a_key_is_good_for_its_programs(site: Site) -> None:
    program = site.program("acme", "read", user_agents=["Crawler/"])
    assert program.get("/v1/me", headers={"user-agent": "crawler/2.1 (linux)"}).status_code == 200
    assert program.get("/v1/me", headers={"user-agent": "curl/8"}).status_code == 403


def test_a_keys_calls_of_a_minute_end(site: Site) -> None:
    program, another = site.program("acme", "read", rate_per_minute=3), site.program("acme", "read")
    assert [program.get("/v1/me").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = program.get("/v1/me")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert answer.json()["field"] == "calls_per_minute"
    assert another.get("/v1/me").status_code == 200


def test_a_tenants_calls_of_a_day_end_and_a_browsers_are_not_counted(site: Site) -> None:
    with site.catalog.tenant_session("acme", writing=True) as session:
        session.add(Quota(tenant="acme", name="api_calls_per_day", limit=3))
    programs = [site.program("acme", "read"), site.program("acme", "read")]
    found = [program.get("/v1/me").status_code for program in programs for _ in range(2)]
    assert found == [200, 200, 200, 429]
    answer = programs[0].get("/v1/me")
    assert answer.json()["field"] == "api_calls_per_day"
    assert 1 <= int(answer.headers["retry-after"]) <= 86400
    assert spent(site.catalog, "acme", "api_calls_per_day", utc_now().date()) == 3
    assert site.sign_in("acme").get("/v1/me").status_code == 200
    assert site.program("other", "read").get("/v1/me").status_code == 200


def test_a_spent_standing_limit_is_a_conflict_that_waiting_does_not_mend(site: Site) -> None:
    make_account(site.catalog, "acme")
    with site.catalog.tenant_session("acme", writing=True) as session:
        session.add(Quota(tenant="acme", name="channels", limit=1))
    program = site.program("acme", "order", role="editor")
    assert program.post("/v1/channels/subscribe", json={"channels": ["@harbour"]}).is_success
    answer = program.post("/v1/channels/subscribe", json={"channels": ["@lighthouse"]})
    assert (answer.status_code, answer.json()["field"]) == (409, "channels")
    assert "allows 1, and 1 are" in answer.json()["detail"]
    assert "retry-after" not in answer.headers


def test_a_keys_use_is_noted(site: Site) -> None:
    program = site.program("acme", "read")
    assert list_keys(site.catalog, site.principal("acme"))[0].last_used_at is None
    program.get("/v1/me")
    assert list_keys(site.catalog, site.principal("acme"))[0].last_used_at is not None


def test_an_address_that_a_caller_claims_is_believed_from_a_trusted_proxy_only(bare_home: Path) -> None:
    claimed = {"x-forwarded-for": "198.51.100.9, 192.0.2.7"}
    with Site(bare_home) as site:
        program = site.program("acme", "read", ips=["192.0.2.7"])
        assert program.get("/v1/me", headers=claimed).status_code == 403
    with Site(bare_home, trusted_proxies="127.0.0.1, 10.0.0.0/8") as site:
        program = site.program("acme", "read", ips=["192.0.2.7"])
        assert program.get("/v1/me", headers=claimed).status_code == 200
        # The last address is whom the proxy saw; what stands before it is the caller's own claim.
        assert program.get("/v1/me", headers={"x-forwarded-for": "192.0.2.7, 198.51.100.9"}).status_code == 403
        assert program.get("/v1/me").status_code == 403
