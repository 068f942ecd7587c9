"""After signing in a browser goes on within the app, wherever an address would have it go."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.web.auth.attempts import local_path, new_attempt


@pytest.mark.parametrize("path", ["/", "/feed", "/topics?day=2026-03-15&x=%2F", "/feed#post"])
def test_a_path_of_the_app_is_gone_to(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "", "feed", "//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "/\n/evil.example",
        "javascript:alert(1)", "/feed\\..", " /feed", "///evil.example", "/login", "/login?next=/", "/auth/logout",
        "/" + "a" * 1001,
    ],
)  # fmt: skip
def test_anything_else_becomes_the_start(path: str) -> None:
    assert local_path(path) == "/"


@given(st.text(alphabet="/\\:.@#?\t\n aehttps%", max_size=12))
def test_no_address_leads_out_of_the_app(target: str) -> None:
    found = urlsplit(urljoin("https://studio.example.org/login", local_path(target)))
    assert found.netloc == "studio.example.org"


def test_what_binds_an_attempts_steps_differs_by_purpose_and_attempt() -> None:
    first, second = new_attempt("/"), new_attempt("/")
    derived = [first.state, first.nonce, first.verifier, first.csrf, second.state, second.verifier]
    assert len(set(derived)) == len(derived)
    assert all(len(one) == 43 for one in derived)  # a verifier has 43 characters or more: RFC 7636, 4.1
    assert first.is_state(first.state) and not first.is_state(second.state) and not first.is_state(None)
    assert first.is_csrf(first.csrf) and not first.is_csrf(first.state)
