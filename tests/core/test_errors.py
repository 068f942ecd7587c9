"""Errors name the field that was wrong, in their message and as an attribute, in whatever process they are read."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

from tgstudio_dagster.core.errors import (
    ConflictError,
    FieldError,
    NewsroomError,
    NotFoundError,
    QuotaError,
    SettingsError,
    TGStudioError,
)

MIDNIGHT = datetime(2026, 3, 10, tzinfo=UTC)


def test_a_field_begins_the_message() -> None:
    error = FieldError("name", "give the key a name.")
    assert (str(error), error.field) == ("name: give the key a name.", "name")
    assert isinstance(error, SettingsError)


@pytest.mark.parametrize("kind", [ConflictError, NotFoundError, SettingsError])
def test_an_error_of_any_kind_may_name_a_field(kind: type[TGStudioError]) -> None:
    assert (str(kind("taken.", field="slug")), kind("taken.", field="slug").field) == ("slug: taken.", "slug")
    assert (str(kind("There is none.")), kind("There is none.").field) == ("There is none.", None)


def test_a_message_that_reads_like_a_field_names_none() -> None:
    assert ConflictError("messages.getHistory: refused").field is None


def test_a_quota_is_a_field() -> None:
    assert QuotaError("images_per_day", MIDNIGHT).field == "images_per_day"


@pytest.mark.parametrize("error", [FieldError("days", "name at least one."), ConflictError("taken.", field="slug")])
def test_an_error_is_the_same_in_another_process(error: TGStudioError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.field) == (type(error), str(error), error.field)


def test_a_code_and_its_parameters_are_beside_the_message_in_another_process_too() -> None:
    for error in (NewsroomError("it has 300; X takes 280.", field="text"), FieldError("text", "it has 300.")):
        same = pickle.loads(pickle.dumps(error.coded("text.too_long", count=300, limit=280)))  # noqa: S301
        assert (same.code, dict(same.params), str(same)) == ("text.too_long", {"count": 300, "limit": 280}, str(error))
    assert NewsroomError("no").code is None and dict(NewsroomError("no").params) == {}
