"""Sign-ins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional
from uuid import UUID, uuid4

from .context import duration
from .events import log_event
from .failure import AccountInactiveError, ClientError, bad_argument, failure
from .models import SignedIn, TokenResponse
from .statement import Address, Argument, Parameters, from_now, quoted, run, select, text, time_of, uuid
from .tokens_given import Given, read_lasting_tokens

if TYPE_CHECKING:
    from .._types import JsonValue
    from .context import Context
    from .effects import Step


@dataclass(frozen=True)
class _Login:
    """The values that are stored with the tokens."""

    va_icn: str = field(repr=False)
    jwt_id: str
    session_seconds: float
    others: dict[str, Argument] = field(repr=False)


def _id_to_seal_for(context: Context, va_icn: str) -> Step[UUID]:
    """Returns the id to seal for, and compares the ring with the known keys, in one statement."""
    params = Parameters()
    schema, keys = quoted(context.schema), context.end.keys
    known = f"pg_catalog.to_jsonb(ARRAY(SELECT {schema}.vetassist_known_keys()))" if keys.is_open() else "'null'::jsonb"
    result = f"pg_catalog.jsonb_build_object('user_id', r, 'known', {known})"
    source = f"{schema}.vetassist_find_user({params.add(text(va_icn, 'va_icn'))}) AS r"
    rows = yield from run(context, "sign_in", select(result, source), params.values, is_read=True)
    found = rows[0].result
    if found["known"] is not None:
        yield from keys.compare(context, "sign_in", found["known"])
    return uuid4() if found["user_id"] is None else UUID(found["user_id"])


def _login(
    context: Context, user_id: Optional[UUID], what: _Login, tokens: Given, lifetime: float
) -> Step[dict[str, Any]]:
    """Signs in, with tokens sealed for this user. Returns the id and the session from the database."""
    params = Parameters()
    arguments = {
        "user_id": uuid(user_id),
        "va_icn": text(what.va_icn, "va_icn"),
        "access_token": context.end.token(tokens.access, user_id),
        "token_expires_at": from_now(lifetime),
        "jwt_id": text(what.jwt_id, "jwt_id"),
        "session_expires_at": from_now(what.session_seconds),
        "refresh_token": context.end.token(tokens.refresh, user_id),
        "token_type": text(tokens.kind),
        "scope": text(tokens.scope),
        **what.others,
    }
    name = f"{quoted(context.schema)}.{quoted(f'vetassist_login{context.end.twin}')}"
    source = f"{name}({params.named(arguments)}) AS r"
    result = (
        f"pg_catalog.to_jsonb(r) || pg_catalog.jsonb_build_object('ends', {params.add(from_now(what.session_seconds))})"
    )
    rows = yield from run(context, "sign_in", select(result, source), params.values)
    found: dict[str, Any] = rows[0].result
    return found


def _note_refusal(context: Context, refused: ClientError, ip: Optional[Address]) -> Step[None]:
    """Logs the refusal of an inactive account. After an error in a transaction nothing can be written."""
    if context.is_transaction or refused.user_id is None:
        return
    try:
        yield from log_event(context, "login_refused", user_id=refused.user_id, ip=ip)
    except ClientError:
        # The refusal is raised even if it cannot be logged.
        pass


def _signed_in(context: Context, what: _Login, tokens: Given, lifetime: float) -> Step[SignedIn]:
    user_id: Optional[UUID] = None
    if context.end.twin:
        user_id = yield from _id_to_seal_for(context, what.va_icn)
    answer = yield from _login(context, user_id, what, tokens, lifetime)
    if answer["session_id"] is None:
        # Another sign-in created the account meanwhile, with another id.
        answer = yield from _login(context, UUID(answer["user_id"]), what, tokens, lifetime)
    if answer["session_id"] is None:
        raise failure("ERR_DATABASE", "the account of this ICN changed twice: nothing was stored", retryable=True)
    yield from context.end.keys.note(context, "sign_in")
    return SignedIn(UUID(answer["user_id"]), UUID(answer["session_id"]), what.jwt_id, time_of(answer["ends"]))


def sign_in(
    context: Context,
    va_icn: str,
    tokens: TokenResponse,
    *,
    session_seconds: float,
    jwt_id: Optional[str] = None,
    device_info: JsonValue = None,
    ip: Optional[Address] = None,
    veteran_status: Optional[str] = None,
    email: Optional[str] = None,
    first_name: Optional[str] = None,
    last_name: Optional[str] = None,
) -> Step[SignedIn]:
    """Signs in: stores the account, both tokens, the session and the event, or nothing.

    If the account is inactive, it raises an error and logs the event `login_refused`, unless it runs in a transaction of the
    caller.

    Args:
        va_icn: The veteran's ICN.
        tokens: The response of the token endpoint.
        session_seconds: The lifetime of the session, by the database's clock.
        jwt_id: The `jti` of the JWT, by default a fresh one.
        device_info: A description of the device. Its addresses are hashed.
        ip: The address of the request. A malformed one is left out and reported, unless `on_bad_address` is `raise`.
        veteran_status: From the identity provider, like the next three arguments. None keeps the stored value.
    """
    if not isinstance(va_icn, str):
        raise bad_argument("va_icn must be a str")
    found, lifetime = read_lasting_tokens(tokens, context.default_lifetime_seconds)
    what = _Login(
        va_icn,
        str(uuid4()) if jwt_id is None else jwt_id,
        duration(session_seconds, "session_seconds"),
        {
            "veteran_status": text(veteran_status, "veteran_status"),
            "email": text(email, "email"),
            "first_name": text(first_name, "first_name"),
            "last_name": text(last_name, "last_name"),
            "device_info": context.end.metadata(device_info, "device_info"),
            **context.end.address(context, ip, "sign_in"),
        },
    )
    try:
        return (yield from _signed_in(context, what, found, lifetime))
    except AccountInactiveError as error:
        refused = error
    yield from _note_refusal(context, refused, ip)
    raise refused
