"""Events that the service logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from .. import check_event_data, check_event_type
from .statement import Address, UserId, jsonb, one, text, uuid

if TYPE_CHECKING:
    from .._types import JsonValue
    from .context import Context
    from .effects import Step


def log_event(
    context: Context,
    event_type: str,
    *,
    user_id: Optional[UserId] = None,
    data: JsonValue = None,
    ip: Optional[Address] = None,
) -> Step[int]:
    """Logs an event of the service, and returns its id.

    Data that looks like a secret is refused. Addresses in the data are hashed.
    """
    check_event_type(event_type)
    if data is not None:
        jsonb(data, "data")
        check_event_data(data)
    arguments = {
        "event_type": text(event_type, "event_type"),
        "user_id": uuid(user_id),
        "event_data": context.end.metadata(data, "data"),
        **context.end.address(context, ip, "log_event"),
    }
    found = yield from one(context, "log_event", f"vetassist_log_event{context.end.twin}", arguments)
    return int(found)
