"""An operator signs in with a password that is stored as its hash only; guesses are slowed down; signing out ends it all."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml
from pydantic import SecretStr
from streamlit_authenticator.utilities import Hasher

from tests.web.site import Site
from tgstudio_dagster.catalog.people.audit import list_audit
from tgstudio_dagster.core.errors import NotFoundError, SettingsError, SignInError
from tgstudio_dagster.core.settings import Settings
from tgstudio_dagster.services import local_accounts
from tgstudio_dagster.services.local_accounts import FILE, LocalAccounts, new_password

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def hashed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file of one operator, made once: hashing is slow on purpose."""
    home = tmp_path_factory.mktemp("hashed")
    LocalAccounts(Settings(home=home)).put("operator", "Оператор", SecretStr(PASSWORD), operator=True)
    return (home / FILE).read_text(encoding="utf-8")


@pytest.fixture
def local(bare_home: Path, hashed: str) -> Iterator[Site]:
    (bare_home / FILE).write_text(hashed, encoding="utf-8")
    with Site(bare_home) as site:
        yield site


class Browser(httpx2.Client):
    """A browser at the sign-in page: it keeps cookies that are Secure, as browsers do for this machine's own address."""

    def __init__(self, site: Site, **headers: str) -> None:
        super().__init__(base_url=site.url, headers=headers, trust_env=False, timeout=30)
        self.jar: dict[str, str] = {}

    def send(self, request: httpx2.Request, **options: object) -> httpx2.Response:
        if self.jar:
            request.headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        response = super().send(request, **options)  # type: ignore[arg-type]
        for header in response.headers.get_list("set-cookie"):
            name, _, rest = header.partition("=")
            value = rest.partition(";")[0]
            if "max-age=0" in rest.lower():
                self.jar.pop(name, None)
            else:
                self.jar[name] = value
        return response

    def form(self, **address: str) -> dict[str, str]:
        """The hidden fields of the sign-in page."""
        text = self.get("/login", params=address).text
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text))

    def enter(self, login: str, password: str, **address: str) -> httpx2.Response:
        return self.post("/auth/local", data={**self.form(**address), "login": login, "password": password})


def test_the_right_password_opens_a_session_and_goes_on(local: Site) -> None:
    browser = Browser(local)
    answer = browser.enter("operator", PASSWORD, next="/feed?day=2026-03-15")
    assert (answer.status_code, answer.headers["location"]) == (303, "/feed?day=2026-03-15")
    me = browser.get("/v1/me").json()
    assert me["role"] == "operator"
    assert me["tenants"] == ["acme", "other"]
    assert me["user"]["name"] == "Оператор"
    assert "tgstudio" in browser.jar
    assert [entry.action for entry in list_audit(local.catalog, me["tenant"])] == ["session.begin"]
    assert browser.get("/login", params={"next": "/topics"}).headers["location"] == "/topics"


@pytest.mark.parametrize(
    ("login", "password"),
    [("operator", "a-guess"), ("nobody", PASSWORD), ("operator", "x" * 900), ("operator", PASSWORD + "\0")],
)
def test_a_wrong_one_is_told_the_same_as_an_unknown_login(local: Site, login: str, password: str) -> None:
    answer = Browser(local, **{"accept-language": "en"}).enter(login, password)
    assert answer.status_code == 401
    assert "The login or the password is wrong." in answer.text
    assert password not in answer.text
    assert "tgstudio=" not in answer.headers.get("set-cookie", "")


def test_the_sixth_attempt_within_a_minute_waits_even_if_it_is_right(local: Site) -> None:
    browser = Browser(local)
    assert [browser.enter("operator", "wrong").status_code for _ in range(5)] == [401] * 5
    answer = browser.enter("operator", PASSWORD)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_a_form_from_elsewhere_signs_nobody_in(local: Site) -> None:
    browser = Browser(local)
    fields = {"login": "operator", "password": PASSWORD}
    assert browser.post("/auth/local", data=fields).status_code == 403
    stolen = Browser(local).form()
    browser.form()
    assert browser.post("/auth/local", data={**stolen, **fields}).status_code == 403
    own = browser.form()
    foreign = browser.post("/auth/local", data={**own, **fields}, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert "tgstudio" not in browser.jar


def test_a_session_is_never_one_that_the_browser_brought(local: Site) -> None:
    first = Browser(local)
    first.enter("operator", PASSWORD)
    planted = first.jar["tgstudio"]
    second = Browser(local)
    fields = second.form()
    second.jar["tgstudio"] = planted
    second.post("/auth/local", data={**fields, "login": "operator", "password": PASSWORD})
    assert second.jar["tgstudio"] != planted
    assert first.get("/v1/me").status_code == 401


def test_signing_out_needs_the_sessions_token_and_ends_the_session_for_good(local: Site) -> None:
    browser = Browser(local)
    browser.enter("operator", PASSWORD)
    copied = dict(browser.jar)
    assert browser.post("/auth/logout").status_code == 403
    assert browser.get("/v1/me").status_code == 200
    token = re.search(r'name="csrf" value="([^"]*)"', browser.get("/auth/logout").text)
    assert token
    answer = browser.post("/auth/logout", data={"csrf": token[1]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "tgstudio" not in browser.jar
    browser.jar.update(copied)
    assert browser.get("/v1/me").status_code == 401


def test_the_session_works_in_the_tenant_that_was_chosen_last(local: Site) -> None:
    browser = Browser(local)
    browser.enter("operator", PASSWORD)
    token = browser.get("/v1/me").json()["csrf"]
    assert browser.post("/auth/tenant", data={"tenant": "other"}).status_code == 403
    answer = browser.post("/auth/tenant", data={"tenant": "other", "csrf": token, "next": "//evil.example"})
    assert answer.headers["location"] == "/"
    assert browser.get("/v1/me").json()["tenant"] == "other"
    assert browser.post("/auth/tenant", data={"tenant": "none", "csrf": token}).status_code == 404
    again = Browser(local)
    again.enter("operator", PASSWORD)
    assert again.get("/v1/me").json()["tenant"] == "other"


@pytest.mark.parametrize(("accept", "title"), [("ru-RU,ru;q=0.9", "Вход"), ("de,en;q=0.5", "Sign in"), ("", "Sign in")])
def test_the_page_speaks_the_browsers_language_and_lets_no_foreign_script_in(
    local: Site, accept: str, title: str
) -> None:
    answer = Browser(local, **{"accept-language": accept}).get("/login")
    assert f"<h1>{title}</h1>" in answer.text
    assert "<script" not in answer.text and "style=" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "<h1>Вход</h1>" in Browser(local).get("/login", params={"lang": "ru"}).text


def test_what_was_typed_is_shown_as_text(local: Site) -> None:
    answer = Browser(local).enter('"><script>alert(1)</script>', "x")
    assert "<script>" not in answer.text


def test_the_file_is_in_streamlit_authenticators_format_and_for_its_owner_only(tmp_path: Path) -> None:
    accounts = LocalAccounts(Settings(home=tmp_path))
    password = new_password()
    accounts.put("operator", "Operator", password, operator=True)
    assert stat.S_IMODE(accounts.path.stat().st_mode) == 0o600
    row = yaml.safe_load(accounts.path.read_text())["credentials"]["usernames"]["operator"]
    assert row["name"] == "Operator" and row["roles"] == ["operator"]
    assert row["password"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert accounts.check("OPERATOR", password).is_operator
    accounts.reset("operator", SecretStr("another password"))
    with pytest.raises(SignInError):
        accounts.check("operator", password)
    assert accounts.check("operator", SecretStr("another password")).name == "Operator"


def by_bcrypt(password: str) -> str:
    return str(Hasher.hash(password))


def test_a_bcrypt_hash_of_streamlit_authenticator_holds_and_is_replaced_at_sign_in(tmp_path: Path) -> None:
    accounts = LocalAccounts(Settings(home=tmp_path))
    row = {"first_name": "Old", "last_name": "Hand", "email": "o@example.org", "password": by_bcrypt(PASSWORD)}
    whole = {"credentials": {"usernames": {"Operator": {**row, "roles": ["operator"]}}}, "cookie": {"name": "x"}}
    accounts.path.write_text(yaml.safe_dump(whole))
    with pytest.raises(SignInError):
        accounts.check("operator", SecretStr("a wrong one"))
    assert yaml.safe_load(accounts.path.read_text()) == whole
    assert accounts.check("operator", SecretStr(PASSWORD)).name == "Old Hand"
    after = yaml.safe_load(accounts.path.read_text())
    stored = after["credentials"]["usernames"]["Operator"].pop("password")
    assert stored.startswith("$argon2id$")
    del whole["credentials"]["usernames"]["Operator"]["password"]  # type: ignore[attr-defined]
    assert after == whole
    assert accounts.check("operator", SecretStr(PASSWORD)).is_operator
    assert yaml.safe_load(accounts.path.read_text())["credentials"]["usernames"]["Operator"]["password"] == stored


def test_a_hash_that_cannot_be_replaced_lets_its_owner_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = LocalAccounts(Settings(home=tmp_path))
    row = {"name": "A", "password": by_bcrypt(PASSWORD)}
    accounts.path.write_text(yaml.safe_dump({"credentials": {"usernames": {"a": row}}}))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert accounts.check("a", SecretStr(PASSWORD)).login == "a"


@pytest.mark.parametrize("login", ["old", "new", "nobody"])
def test_every_guess_takes_the_same_checks_whichever_hash_its_login_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    accounts = LocalAccounts(Settings(home=tmp_path))
    accounts.path.write_text(
        yaml.safe_dump({"credentials": {"usernames": {"old": {"name": "O", "password": by_bcrypt(PASSWORD)}}}})
    )
    accounts.put("new", "N", SecretStr(PASSWORD), operator=False)
    checked: list[str] = []
    bcrypt, argon2 = Hasher.check_pw, type(local_accounts._ARGON2).verify
    monkeypatch.setattr(Hasher, "check_pw", lambda *given: checked.append("bcrypt") or bcrypt(*given))
    monkeypatch.setattr(
        type(local_accounts._ARGON2), "verify", lambda *given: checked.append("argon2") or argon2(*given)
    )
    with pytest.raises(SignInError):
        accounts.check(login, SecretStr("a wrong one"))
    assert sorted(checked) == ["argon2", "bcrypt"]


def test_a_command_that_sets_a_password_switches_no_log_off_and_brings_no_streamlit(tmp_path: Path) -> None:
    code = (
        "import logging, sys; from pathlib import Path; from pydantic import SecretStr\n"
        "from tgstudio_dagster.core.settings import Settings\n"
        "from tgstudio_dagster.services.local_accounts import LocalAccounts\n"
        "accounts = LocalAccounts(Settings(home=Path(sys.argv[1])))\n"
        "accounts.put('a', 'A', SecretStr('correct horse'), operator=True)\n"
        "print(logging.root.manager.disable, 'streamlit' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("0 False", "")


def test_a_bad_account_is_refused_by_field(tmp_path: Path) -> None:
    accounts = LocalAccounts(Settings(home=tmp_path))
    with pytest.raises(SettingsError, match="login"):
        accounts.put("Bad Login", "x", new_password(), operator=True)
    with pytest.raises(SettingsError, match="password: it has 5 characters"):
        accounts.put("operator", "x", SecretStr("short"), operator=True)
    with pytest.raises(SettingsError, match="password: it has 257 characters"):
        accounts.put("operator", "x", SecretStr("ы" * 257), operator=True)
    with pytest.raises(NotFoundError, match="there are: none"):
        accounts.reset("operator", new_password())


def test_a_file_of_another_form_or_with_a_plain_password_is_named_and_not_shown(tmp_path: Path) -> None:
    accounts = LocalAccounts(Settings(home=tmp_path))
    for text in (
        "[1]",
        "credentials: {usernames: [secret1]}",
        "credentials: {usernames: {operator: {password: secret1}}}",
        "{",
    ):
        accounts.path.write_text(text)
        with pytest.raises(SettingsError, match="operators.yaml") as error:
            accounts.all()
        assert "secret1" not in str(error.value)
