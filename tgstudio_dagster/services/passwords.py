"""Which passwords are good enough: long, and not what a guesser tries first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import SecretStr

from tgstudio_dagster.core.errors import FieldError

SHORTEST, LONGEST = 12, 256
"""Characters."""
_GUESSES = 8
"""At least 10 to this power, as zxcvbn reckons them: below, a stolen hash falls in an afternoon."""
_READ = 72
"""Characters that are looked at: zxcvbn is slow with more."""
_OURS = ("tgstudio", "tg studio", "telegram", "studio", "operator")


def check_password(password: SecretStr, known_of_them: Sequence[str]) -> None:
    """Raises FieldError for a password that is too short or long, is known, or is made of what is known of its owner."""
    from zxcvbn import zxcvbn

    text = password.get_secret_value()
    if not SHORTEST <= len(text) <= LONGEST:
        raise FieldError("password", f"it has {len(text)} characters; choose {SHORTEST} to {LONGEST}.")
    guessed = zxcvbn(text[:_READ], user_inputs=[*known_of_them, *_OURS])
    if guessed["guesses_log10"] < _GUESSES:
        raise FieldError(
            "password", "it is among those that are guessed first; choose several words that nobody would expect."
        )
