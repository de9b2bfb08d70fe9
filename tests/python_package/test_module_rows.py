"""Tests reading rows of the four tables, in the forms that drivers return."""

import dataclasses
import datetime
import typing
import uuid

import pytest
from module_support import refused

import vetassist
from vetassist import _native

ID = "1bb044aa-ded1-40c7-8a88-433e74903f95"
TIME = datetime.datetime(2026, 3, 1, 12, 34, 56, 789_123, tzinfo=datetime.timezone.utc)
HASH = "a" * 64
ROWS = {
    vetassist.parse_user: {
        "id": ID,
        "va_icn": "1012667145V762142",
        "va_veteran_status": "confirmed",
        "email": "j\u00f6rg@example.com",
        "first_name": "J\u00f6rg",
        "last_name": "\u6771",
        "is_active": True,
        "created_at": TIME,
        "updated_at": TIME,
        "last_login_at": TIME,
    },
    vetassist.parse_va_token: {
        "id": ID,
        "user_id": ID,
        "access_token_encrypted": b"\7" * 28,
        "refresh_token_encrypted": b"\x09" * 4096,
        "token_type": "Bearer",
        "scope": "openid profile",
        "expires_at": TIME,
        "created_at": TIME,
        "refreshed_at": TIME,
    },
    vetassist.parse_session: {
        "id": ID,
        "user_id": ID,
        "jwt_id": "jti",
        "device_info": {"agent": "x", "list": [1, None, "y"]},
        "created_at": TIME,
        "expires_at": TIME,
        "revoked_at": TIME,
    },
    vetassist.parse_auth_audit: {
        "id": 2**63 - 1,
        "user_id": ID,
        "event_type": "login",
        "event_data": ["anything"],
        "ip_hash": HASH,
        "created_at": TIME,
    },
}
CLASSES = {
    "vetassist_users": (vetassist.User, vetassist.parse_user),
    "vetassist_va_tokens": (vetassist.VaToken, vetassist.parse_va_token),
    "vetassist_sessions": (vetassist.Session, vetassist.parse_session),
    "vetassist_auth_audit": (vetassist.AuthAudit, vetassist.parse_auth_audit),
}
TYPES = {
    "uuid": uuid.UUID,
    "text": str,
    "time": datetime.datetime,
    "sealed": bytes,
    "digits": int,
    "hash": str,
    "bool": bool,
}
# Values that a column of each kind must not have.
WRONG = {
    "uuid": ["", "x", ID.replace("-", ""), 5, b"x", ID + "\n"],
    "text": [5, b"text", ["x"], True],
    "time": ["", "2026-03-01", "2026-03-01 12:34:56", "2026-02-30 12:34:56+00", "infinity", TIME.replace(tzinfo=None), 5,
             datetime.datetime.max.replace(tzinfo=datetime.timezone.utc), "2026-03-01T12:34:56Z\n"],
    "sealed": [b"\7" * 27, "\\x" + "07" * 27, "\\x" + "0g" * 28, "07" * 28, 5, ["x"]],
    "json": [object(), b"x", {1}, TIME],
    "digits": ["", "x", "1.5", 1.5, True, "1" * 20, b"1"],
    "hash": [HASH.upper(), HASH[1:], 5, b"a" * 64, HASH + "\n"],
    "bool": [0, 1, "t", "true"],
}
FORMS = {
    "uuid": [uuid.UUID(ID), ID.upper()],
    "time": ["2026-03-01T12:34:56.789123Z", "2026-03-01 12:34:56.789123+00", "2026-03-01 18:04:56.789123+05:30"],
    "sealed": [bytearray, memoryview, lambda value: "\\x" + value.hex(), lambda value: "\\x" + value.hex().upper()],
    "digits": [lambda value: str(value)],
}


class Record:
    """A row like asyncpg's: it has keys() and [name], but is not a Mapping."""

    def __init__(self, row):
        self._row = row

    def keys(self):
        return self._row.keys()

    def __getitem__(self, name):
        return self._row[name]


def test_the_classes_have_the_columns_of_the_tables():
    columns = _native.table_columns()
    assert set(columns) == set(CLASSES)
    for table, (of, _) in CLASSES.items():
        hints = typing.get_type_hints(of)
        assert [field.name for field in dataclasses.fields(of)] == [name for name, _, _ in columns[table]]
        for name, kind, is_nullable in columns[table]:
            if kind != "json":
                expected = typing.Optional[TYPES[kind]] if is_nullable else TYPES[kind]
                assert hints[name] == expected, name


@pytest.mark.parametrize("parse", ROWS)
def test_rows_are_read_into_frozen_dataclasses(parse):
    row = ROWS[parse]
    for given in (row, Record(row), {**row, "another": object()}):
        found = parse(given)
        expected = {name: uuid.UUID(value) if value == ID else value for name, value in row.items()}
        assert dataclasses.asdict(found) == expected
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.id = 5


@pytest.mark.parametrize("table", CLASSES)
def test_columns_are_read_in_every_form_and_refused_in_others(table):
    parse = CLASSES[table][1]
    row = ROWS[parse]
    expected = parse(row)
    for name, kind, is_nullable in _native.table_columns()[table]:
        for form in FORMS.get(kind, []):
            value = form(row[name]) if callable(form) else form
            assert parse({**row, name: value}) == expected, (name, value)
        if is_nullable:
            assert getattr(parse({**row, name: None}), name) is None
        else:
            assert "is NULL" in str(refused("ERR_INVALID_ROW", parse, {**row, name: None}))
        for value in WRONG[kind]:
            error = refused("ERR_INVALID_ROW", parse, {**row, name: value})
            assert str(error).startswith(f"{table}.{name} must be ")
            assert len(str(value)) < 10 or str(value) not in str(error)
        missing = {other: value for other, value in row.items() if other != name}
        assert "is missing" in str(refused("ERR_INVALID_ROW", parse, missing))


def test_a_printed_user_has_no_personal_data():
    text = repr(vetassist.parse_user(ROWS[vetassist.parse_user]))
    assert ID in text
    for secret in ("1012667145V762142", "confirmed", "example.com", "J\u00f6rg", "\u6771"):
        assert secret not in text
    assert "\\x07" not in repr(vetassist.parse_va_token(ROWS[vetassist.parse_va_token]))


def test_rows_without_column_names_are_refused():
    for row in (tuple(ROWS[vetassist.parse_user].values()), list(ROWS[vetassist.parse_user].values()), "x", b"x", None, 5):
        refused("ERR_INVALID_ARG_TYPE", vetassist.parse_user, row)


@pytest.mark.parametrize("wrong", [[["a", "b"]], [["a", "b", 5]], [{"object": "a"}], [None], ["abc"], [b"abc"], [("a", "b", "\ud800")]])
def test_malformed_rows_of_the_schema_query_are_refused(wrong):
    error = refused("ERR_INVALID_ROW", vetassist.check_schema, wrong)
    assert "rows[0]" in str(error)
