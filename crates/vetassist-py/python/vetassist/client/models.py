"""Results and events of the client."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Callable, Mapping, Optional, Union
from uuid import UUID

#: The response of a token endpoint: `access_token`, and optionally `refresh_token`, `token_type`, `scope`, `expires_in`.
TokenResponse = Mapping[str, Any]


@dataclass(frozen=True)
class SignedIn:
    """A sign-in that succeeded."""

    user_id: UUID
    session_id: UUID
    jwt_id: str
    expires_at: datetime


@dataclass(frozen=True)
class StartedSession:
    """A session that was created."""

    session_id: UUID
    jwt_id: str
    expires_at: datetime


@dataclass(frozen=True)
class Account:
    """An account."""

    user_id: UUID
    va_icn: Optional[str]
    veteran_status: Optional[str]
    email: Optional[str]
    first_name: Optional[str]
    last_name: Optional[str]
    is_active: bool
    created_at: Optional[datetime]
    updated_at: Optional[datetime]
    last_login_at: Optional[datetime]


@dataclass(frozen=True)
class ActiveSession:
    """A session that is active, with its account."""

    session_id: UUID
    user_id: UUID
    device_info: Any
    created_at: Optional[datetime]
    expires_at: datetime
    account: Account


@dataclass(frozen=True)
class SessionInfo:
    """A session of a list, active or not."""

    session_id: UUID
    jwt_id: str
    device_info: Any
    created_at: Optional[datetime]
    expires_at: datetime
    revoked_at: Optional[datetime]
    is_active: bool


@dataclass(frozen=True)
class AccessToken:
    """An access token. Its repr does not show it."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class TokenStatus:
    """The state of a user's tokens. state is `ready`, `refresh`, `wait`, `reconnect` or `none`."""

    state: str
    expires_at: Optional[datetime]
    token_type: Optional[str]
    scope: Optional[str]
    has_refresh_token: bool
    refreshed_at: Optional[datetime]
    attempts: int
    retry_at: Optional[datetime]
    last_error: Optional[str]


@dataclass(frozen=True)
class GivenUp:
    """Deleted tokens, for revoking them at the provider. None is a token that was missing, or that no key opens."""

    access_token: Optional[str] = field(repr=False)
    refresh_token: Optional[str] = field(repr=False)


@dataclass(frozen=True)
class Erased:
    """The result of an erasure."""

    erased: bool
    tokens: Optional[GivenUp]


@dataclass(frozen=True)
class FailedRefresh:
    """A user whose token was not refreshed, and the error."""

    user_id: UUID
    error: Exception


@dataclass(frozen=True)
class Refreshed:
    """The result of `refresh_expiring`. Call it again while `more` is True."""

    stored: int
    rejected: tuple[UUID, ...]
    failed: tuple[FailedRefresh, ...]
    more: bool


@dataclass(frozen=True)
class RotationProgress:
    """The progress of a rotation."""

    seen: int
    resealed: int
    unopened: int


@dataclass(frozen=True)
class RotationStep:
    """The result of a rotation, or of a step of it.

    after states where the next step continues, and is None if nothing is left. held is the number of rows that must be read
    again, because they are locked or have changed. unopened names at most 100 users with a token that no key opens.
    """

    after: Optional[str]
    seen: int
    resealed: int
    held: int
    unopened: tuple[UUID, ...]


@dataclass(frozen=True)
class SealedBy:
    """The number of values that a key sealed. Without a fingerprint, the number that no key opens, with at most 100 users."""

    fingerprint: Optional[str]
    is_current: Optional[bool]
    sealed_values: int
    user_ids: Optional[tuple[UUID, ...]]


@dataclass(frozen=True)
class RefreshContext:
    """Passed to a refresh function: the user of the token, and the time that callers wait for the response."""

    user_id: UUID
    timeout_seconds: float


@dataclass(frozen=True)
class StatementEvent:
    """A statement ended or failed."""

    operation: str
    seconds: float
    rows: int
    attempt: int
    sqlstate: Optional[str] = None


@dataclass(frozen=True)
class RefreshEvent:
    """A refresh ended: `stored`, `discarded`, `rejected`, `failed` or `uncertain`."""

    user_id: UUID
    outcome: str
    seconds: float


@dataclass(frozen=True)
class BadAddressEvent:
    """A malformed address was left out."""

    operation: str


@dataclass(frozen=True)
class RotationEvent:
    """A rotation made progress."""

    progress: RotationProgress


ClientEvent = Union[StatementEvent, RefreshEvent, BadAddressEvent, RotationEvent]
OnEvent = Callable[[ClientEvent], object]
OnProgress = Callable[[RotationProgress], object]
