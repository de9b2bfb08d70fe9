"""Sessions: looks up, lists, creates, extends, ends and purges them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional
from uuid import UUID, uuid4

from .context import duration
from .failure import bad_argument
from .models import ActiveSession, SessionInfo, StartedSession
from .statement import (
    Address,
    Parameters,
    UserId,
    call,
    from_now,
    integer,
    is_number,
    maybe_time_of,
    one,
    quoted,
    run,
    seconds,
    select,
    text,
    time_of,
    uuid,
)
from .users import account_of

if TYPE_CHECKING:
    from .._types import JsonValue
    from .context import Context
    from .effects import Step

_DAY_SECONDS = 86_400


def session(context: Context, jwt_id: str) -> Step[Optional[ActiveSession]]:
    """Returns the session of a JWT with its account; None if it expired, was revoked, or the account is not active."""
    params = Parameters()
    schema = quoted(context.schema)
    # The account is read with the session, so that a request needs one round trip.
    session_of = f"{schema}.vetassist_session({params.add(text(jwt_id, 'jwt_id'))}) AS s"
    source = f"{session_of} CROSS JOIN LATERAL {schema}.vetassist_user(s.user_id) AS u"
    result = "pg_catalog.jsonb_build_object('session', pg_catalog.to_jsonb(s), 'account', pg_catalog.to_jsonb(u))"
    rows = yield from run(context, "session", select(result, source), params.values, is_read=True)
    if not rows:
        return None
    found = rows[0].result["session"]
    return ActiveSession(
        UUID(found["session_id"]),
        UUID(found["user_id"]),
        found["device_info"],
        maybe_time_of(found["created_at"]),
        time_of(found["expires_at"]),
        account_of(rows[0].result["account"]),
    )


def _session_info(found: dict[str, Any]) -> SessionInfo:
    return SessionInfo(
        UUID(found["session_id"]),
        found["jwt_id"],
        found["device_info"],
        maybe_time_of(found["created_at"]),
        time_of(found["expires_at"]),
        maybe_time_of(found["revoked_at"]),
        found["is_active"],
    )


def sessions(context: Context, user_id: UserId) -> Step[list[SessionInfo]]:
    """Returns a user's sessions, including those that have ended and are not purged yet."""
    rows = yield from call(context, "sessions", "vetassist_list_sessions", {"user_id": uuid(user_id)}, is_read=True)
    return [_session_info(row.result) for row in rows]


def new_session(
    context: Context,
    user_id: UserId,
    *,
    session_seconds: float,
    jwt_id: Optional[str] = None,
    device_info: JsonValue = None,
    ip: Optional[Address] = None,
) -> Step[StartedSession]:
    """Creates another session of an existing user."""
    params = Parameters()
    jti = str(uuid4()) if jwt_id is None else jwt_id
    ends = from_now(duration(session_seconds, "session_seconds"))
    arguments = {
        "user_id": uuid(user_id),
        "jwt_id": text(jti, "jwt_id"),
        "expires_at": ends,
        "device_info": context.end.metadata(device_info, "device_info"),
        **context.end.address(context, ip, "new_session"),
    }
    name = f"{quoted(context.schema)}.{quoted(f'vetassist_new_session{context.end.twin}')}"
    source = f"{name}({params.named(arguments)}) AS r"
    result = f"pg_catalog.jsonb_build_object('id', r, 'ends', {params.add(ends)})"
    rows = yield from run(context, "new_session", select(result, source), params.values)
    return StartedSession(UUID(rows[0].result["id"]), jti, time_of(rows[0].result["ends"]))


def extend_session(context: Context, jwt_id: str, user_id: UserId, *, session_seconds: float) -> Step[bool]:
    """Extends an active session to so many seconds from now. It revives no session that ended, and shortens none."""
    arguments = {
        "jwt_id": text(jwt_id, "jwt_id"),
        "user_id": uuid(user_id),
        "expires_at": from_now(duration(session_seconds, "session_seconds")),
    }
    return bool((yield from one(context, "extend_session", "vetassist_extend_session", arguments)))


def end_session(
    context: Context, user_id: UserId, *, jwt_id: Optional[str] = None, session_id: Optional[UserId] = None
) -> Step[bool]:
    """Ends a session of this user, given its JWT or its id. Returns whether there was one to end."""
    if (jwt_id is None) == (session_id is None):
        raise bad_argument("pass either jwt_id or session_id")
    if jwt_id is not None:
        name, which = "vetassist_revoke_session", {"jwt_id": text(jwt_id, "jwt_id")}
    else:
        name, which = "vetassist_revoke_session_by_id", {"session_id": uuid(session_id, "session_id")}
    return bool((yield from one(context, "end_session", name, {**which, "user_id": uuid(user_id)})))


def end_sessions(context: Context, user_id: UserId, *, except_jwt_id: Optional[str] = None) -> Step[int]:
    """Ends all sessions of a user, or all but one, and returns their number."""
    arguments = {"user_id": uuid(user_id), "except_jwt_id": text(except_jwt_id, "except_jwt_id")}
    return int((yield from one(context, "end_sessions", "vetassist_revoke_all_sessions", arguments)))


def purge_sessions(
    context: Context, *, older_than_days: Optional[float] = None, max_rows: Optional[int] = None
) -> Step[int]:
    """Deletes sessions that ended so many days ago, and returns their number. Without arguments SQL's defaults apply."""
    if older_than_days is not None and not is_number(older_than_days):
        raise bad_argument("older_than_days must be a number")
    older_than = None if older_than_days is None else older_than_days * _DAY_SECONDS
    arguments = {"older_than": seconds(older_than, "older_than_days"), "max_rows": integer(max_rows, "max_rows")}
    return int((yield from one(context, "purge_sessions", "vetassist_purge_sessions", arguments)))
