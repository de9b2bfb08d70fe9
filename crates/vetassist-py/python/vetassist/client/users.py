"""Accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional
from uuid import UUID

from .models import Account, Erased, GivenUp
from .statement import Parameters, UserId, boolean, id_of, maybe_time_of, one, quoted, run, select, text, uuid

if TYPE_CHECKING:
    from .context import Context
    from .effects import Step


def account_of(row: dict[str, Any]) -> Account:
    return Account(
        UUID(row["id"]),
        row["va_icn"],
        row["va_veteran_status"],
        row["email"],
        row["first_name"],
        row["last_name"],
        row["is_active"] is True,
        maybe_time_of(row["created_at"]),
        maybe_time_of(row["updated_at"]),
        maybe_time_of(row["last_login_at"]),
    )


def user(context: Context, user_id: UserId) -> Step[Optional[Account]]:
    """Returns an account; None if there is none."""
    found = yield from one(context, "user", "vetassist_user", {"user_id": uuid(user_id)}, is_read=True)
    return None if found is None else account_of(found)


def update_user(
    context: Context,
    user_id: UserId,
    *,
    veteran_status: Optional[str] = None,
    email: Optional[str] = None,
    first_name: Optional[str] = None,
    last_name: Optional[str] = None,
) -> Step[bool]:
    """Changes an account. None keeps the stored value. Returns whether anything changed."""
    arguments = {
        "user_id": uuid(user_id),
        "veteran_status": text(veteran_status, "veteran_status"),
        "email": text(email, "email"),
        "first_name": text(first_name, "first_name"),
        "last_name": text(last_name, "last_name"),
    }
    return bool((yield from one(context, "update_user", "vetassist_update_user", arguments)))


def set_active(context: Context, user_id: UserId, is_active: bool, *, reason: Optional[str] = None) -> Step[bool]:
    """Activates an account, or deactivates it and ends its sessions. Needs the tier admin. Returns whether anything changed."""
    arguments = {"user_id": uuid(user_id), "is_active": boolean(is_active), "reason": text(reason, "reason")}
    return bool((yield from one(context, "set_active", "vetassist_set_active", arguments)))


def erase_user(context: Context, user_id: UserId) -> Step[Erased]:
    """Deletes the tokens and erases the account, in one statement, so that both happen or neither.

    Revoke the tokens at the provider.
    """
    schema = quoted(context.schema)
    params = Parameters()
    at = params.add(uuid(user_id))
    disconnect = f"{schema}.{quoted(f'vetassist_disconnect{context.end.twin}')}({at})"
    # The statement disconnects first, because the erasure depends on its row.
    source = f"""(SELECT (SELECT pg_catalog.to_jsonb(d) FROM {disconnect} AS d) AS tokens OFFSET 0) AS given
CROSS JOIN LATERAL {schema}.vetassist_erase_user(CASE WHEN given.tokens IS NULL THEN {at} ELSE {at} END) AS r"""
    result = "pg_catalog.jsonb_build_object('erased', r, 'tokens', given.tokens)"
    rows = yield from run(context, "erase_user", select(result, source), params.values)
    found = rows[0].result
    return Erased(found["erased"], given_up(context, found["tokens"], user_id))


def given_up(context: Context, row: Optional[dict[str, Any]], user_id: UserId) -> Optional[GivenUp]:
    """Returns deleted tokens."""
    if row is None:
        return None
    whose = id_of(user_id)
    return GivenUp(context.end.open(row["access_token"], whose), context.end.open(row["refresh_token"], whose))
