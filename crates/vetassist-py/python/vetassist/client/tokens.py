"""Operations on stored tokens that do not exchange them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from .models import GivenUp, TokenResponse, TokenStatus
from .statement import UserId, from_now, id_of, maybe_time_of, one, text, uuid
from .tokens_given import read_lasting_tokens
from .users import given_up

if TYPE_CHECKING:
    from .context import Context
    from .effects import Step


def store_tokens(context: Context, user_id: UserId, tokens: TokenResponse) -> Step[None]:
    """Seals and stores the response of the token endpoint."""
    found, lifetime = read_lasting_tokens(tokens, context.default_lifetime_seconds)
    whose = id_of(user_id)
    yield from context.end.keys.check(context, "store_tokens")
    arguments = {
        "user_id": uuid(whose),
        "access_token": context.end.token(found.access, whose),
        "expires_at": from_now(lifetime),
        "refresh_token": context.end.token(found.refresh, whose),
        "token_type": text(found.kind),
        "scope": text(found.scope),
    }
    yield from one(context, "store_tokens", f"vetassist_store_tokens{context.end.twin}", arguments, result="'true'")
    yield from context.end.keys.note(context, "store_tokens")


def token_status(context: Context, user_id: UserId) -> Step[TokenStatus]:
    """Returns the state of a user's tokens, without the tokens."""
    found = yield from one(context, "token_status", "vetassist_token_status", {"user_id": uuid(user_id)}, is_read=True)
    return TokenStatus(
        found["state"],
        maybe_time_of(found["expires_at"]),
        found["token_type"],
        found["scope"],
        found["has_refresh_token"],
        maybe_time_of(found["refreshed_at"]),
        found["attempts"],
        maybe_time_of(found["retry_at"]),
        found["last_error"],
    )


def disconnect(context: Context, user_id: UserId) -> Step[Optional[GivenUp]]:
    """Deletes a user's tokens and returns them, for revoking them at the provider; None if there are none."""
    found = yield from one(context, "disconnect", f"vetassist_disconnect{context.end.twin}", {"user_id": uuid(user_id)})
    return given_up(context, found, user_id)
