"""A session's token is worth what its signature is; its keys can be changed, and live in the home if nowhere else."""

from __future__ import annotations

import base64
import json
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from pydantic import SecretStr
from starlette.responses import Response

from tgstudio_dagster.core.errors import SettingsError
from tgstudio_dagster.core.settings import Settings, WebSettings
from tgstudio_dagster.services.sessions import KEY_FILE, Signer, session_cookie

OLD, NEW = "o" * 40, "n" * 40


def now() -> datetime:
    return datetime.now(UTC)


def test_a_token_names_its_session() -> None:
    assert Signer([NEW]).sid(Signer([NEW]).sign("sid1", "user", now())) == "sid1"


def test_a_token_of_a_former_key_holds_until_that_key_goes() -> None:
    token = Signer([OLD]).sign("sid1", "user", now())
    both = Signer([NEW, OLD])
    assert both.sid(token) == "sid1"
    assert jwt.get_unverified_header(both.sign("s", "u", now()))["kid"] != jwt.get_unverified_header(token)["kid"]
    assert Signer([NEW]).sid(token) is None


def test_a_form_of_a_former_key_holds_too() -> None:
    form = Signer([OLD]).csrf("sid1")
    assert Signer([NEW, OLD]).is_csrf("sid1", form)
    assert not Signer([NEW]).is_csrf("sid1", form)
    assert not Signer([OLD]).is_csrf("sid2", form)
    assert not Signer([OLD]).is_csrf("sid1", None)


def test_a_token_ends_at_last_however_much_it_is_used() -> None:
    signer = Signer([NEW])
    assert signer.sid(signer.sign("s", "u", now() - timedelta(days=30) + timedelta(minutes=1))) == "s"
    assert signer.sid(signer.sign("s", "u", now() - timedelta(days=30, minutes=1))) is None


@pytest.mark.parametrize("token", [None, "", "a.b.c", "a", "é", "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_token_names_nobody(token: str | None) -> None:
    assert Signer([NEW]).sid(token) is None


def test_a_token_that_claims_to_need_no_signature_names_nobody() -> None:
    signer = Signer([NEW])
    head, body, _ = signer.sign("sid1", "user", now()).split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "==")) | {"alg": "none"}
    forged = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    assert signer.sid(f"{forged}.{body}.") is None


def test_a_changed_token_names_nobody() -> None:
    signer = Signer([NEW])
    head, body, mac = signer.sign("sid1", "user", now()).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "==")) | {"sid": "other"}
    changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert signer.sid(f"{head}.{changed}.{mac}") is None


def test_the_first_start_makes_a_key_that_only_its_owner_reads_and_that_stays(tmp_path: Path) -> None:
    settings, web = Settings(home=tmp_path / "new"), WebSettings()
    token = Signer.open(settings, web).sign("sid1", "user", now())
    assert stat.S_IMODE((tmp_path / "new" / KEY_FILE).stat().st_mode) == 0o600
    assert Signer.open(settings, web).sid(token) == "sid1"


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    settings, web = Settings(home=tmp_path), WebSettings()
    tokens: list[str] = []
    threads = [
        threading.Thread(target=lambda: tokens.append(Signer.open(settings, web).sign("s", "u", now())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({jwt.get_unverified_header(token)["kid"] for token in tokens}) == 1
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_keys_that_are_set_are_used_and_a_short_one_is_refused_without_showing_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    signer = Signer.open(settings, WebSettings(session_keys=SecretStr(f"{NEW}, {OLD}")))
    assert signer.sid(Signer([OLD]).sign("s", "u", now())) == "s"
    assert not (tmp_path / KEY_FILE).exists()
    with pytest.raises(SettingsError, match="TGSTUDIO_WEB_SESSION_KEYS") as error:
        Signer.open(settings, WebSettings(session_keys=SecretStr("tooshort")))
    assert "tooshort" not in str(error.value)


@pytest.mark.parametrize(("url", "name"), [(None, "tgstudio"), ("https://studio.example.org", "__Host-tgstudio")])
def test_the_cookie_is_out_of_reach_of_scripts_foreign_posts_and_plain_text(url: str | None, name: str) -> None:
    response = Response()
    session_cookie(WebSettings(public_url=url)).set(response, "value")
    parts = {part.strip().lower() for part in response.headers["set-cookie"].split(";")}
    assert f"{name}=value".lower() in parts
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= parts
    assert not any(part.startswith("domain") for part in parts)
