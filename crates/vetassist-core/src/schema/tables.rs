//! Describes the tables.

/// A table.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its comment.
    pub comment: &'static str,
    /// Its columns, in order.
    pub columns: &'static [Column],
    /// The number of columns of its primary key, which are its first columns.
    pub key_columns: usize,
    /// The columns that are unique, each by itself.
    pub unique: &'static [&'static str],
    /// Its references to other tables.
    pub foreign_keys: &'static [ForeignKey],
    /// Its indexes besides those of the keys.
    pub indexes: &'static [Index],
    /// The triggers that guard it once vetassist is installed.
    pub guards: &'static [Guard],
}

/// A column.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type, as `format_type` writes it.
    pub sql_type: &'static str,
    /// True if it is NOT NULL.
    pub not_null: bool,
    /// Its default, as `pg_get_expr` writes it.
    pub default: Option<&'static str>,
    /// Its comment.
    pub comment: Option<&'static str>,
}

/// A foreign key of one column.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ForeignKey {
    /// The column that refers.
    pub column: &'static str,
    /// The column that it refers to, as `table (column)`.
    pub references: &'static str,
    /// The action when the row referred to is deleted.
    pub on_delete: &'static str,
}

/// An index.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// True for a unique index.
    pub is_unique: bool,
    /// The definition from `USING` on, as `pg_get_indexdef` writes it.
    pub definition: &'static str,
}

/// A trigger that guards a table. It is not part of the four tables; vetassist adds it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Guard {
    /// Its name.
    pub name: &'static str,
    /// When it fires, as `pg_get_triggerdef` writes it.
    pub fires: &'static str,
    /// `row` or `statement`.
    pub for_each: &'static str,
    /// The function that it calls.
    pub calls: &'static str,
}

/// States whether the objects that vetassist adds to the four tables must exist: the triggers that guard them, and its own
/// tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guards {
    /// They must exist, because vetassist is installed.
    Required,
    /// They may exist, for example from an earlier installation. The installation creates those that are missing. Objects
    /// around the tables are not compared.
    Allowed,
    /// Those of the versions before 0.3.0, which had one trigger, must exist. The library is newer than the installed
    /// version.
    Older,
}

/// The sequence that numbers the audit trail.
pub const AUDIT_SEQUENCE: &str = "vetassist_auth_audit_id_seq";

/// The index that vetassist adds to the four tables.
pub(super) const DUE_INDEX: &str = "idx_vetassist_va_tokens_due";

pub(super) const fn column(name: &'static str, sql_type: &'static str) -> Column {
    Column { name, sql_type, not_null: false, default: None, comment: None }
}

impl Column {
    /// Returns the most characters that the column's text may have, if its type limits them.
    #[must_use]
    pub const fn length(&self) -> Option<usize> {
        let mut rest = self.sql_type.as_bytes();
        let mut length = None;
        while let [byte, others @ ..] = rest {
            length = match (*byte, length) {
                (b'(', None) => Some(0),
                (digit @ b'0'..=b'9', Some(length)) => Some(10 * length + (digit - b'0') as usize),
                (b')', Some(_)) => return length,
                _ => length,
            };
            rest = others;
        }
        None
    }

    pub(super) const fn not_null(self) -> Self {
        Self { not_null: true, ..self }
    }

    pub(super) const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn comment(self, comment: &'static str) -> Self {
        Self { comment: Some(comment), ..self }
    }
}

pub(super) const UUID: &str = "uuid";
pub(super) const TIME: &str = "timestamp with time zone";

pub(super) const ID: Column = column("id", UUID).not_null().default("gen_random_uuid()");
const CREATED_AT: Column = column("created_at", TIME).default("now()");

pub(super) const fn of_user(on_delete: &'static str) -> ForeignKey {
    ForeignKey { column: "user_id", references: "vetassist_users (id)", on_delete }
}

pub(super) const fn index(name: &'static str, definition: &'static str) -> Index {
    Index { name, is_unique: false, definition }
}

const TABLES: [Table; 4] = [
    Table {
        name: "vetassist_users",
        comment: "VetAssist user accounts linked to VA identity",
        columns: &[
            ID,
            column("va_icn", "character varying(50)"),
            column("va_veteran_status", "character varying(20)"),
            column("email", "character varying(255)"),
            column("first_name", "character varying(100)"),
            column("last_name", "character varying(100)"),
            column("is_active", "boolean").default("true"),
            CREATED_AT,
            column("updated_at", TIME).default("now()"),
            column("last_login_at", TIME),
        ],
        key_columns: 1,
        unique: &["va_icn"],
        foreign_keys: &[],
        indexes: &[],
        guards: &[],
    },
    Table {
        name: "vetassist_va_tokens",
        comment: "Encrypted VA OAuth tokens - access and refresh",
        columns: &[
            ID,
            column("user_id", UUID).not_null(),
            column("access_token_encrypted", "bytea")
                .not_null()
                .comment("AES-256-GCM encrypted, nonce prepended"),
            column("refresh_token_encrypted", "bytea"),
            column("token_type", "character varying(20)").default("'Bearer'::character varying"),
            column("scope", "character varying(500)"),
            column("expires_at", TIME).not_null(),
            CREATED_AT,
            column("refreshed_at", TIME),
        ],
        key_columns: 1,
        unique: &["user_id"],
        foreign_keys: &[of_user("CASCADE")],
        indexes: &[index(
            DUE_INDEX,
            "USING btree (expires_at) WHERE (refresh_token_encrypted IS NOT NULL)",
        )],
        guards: &[],
    },
    Table {
        name: "vetassist_sessions",
        comment: "Active VetAssist sessions for JWT management",
        columns: &[
            ID,
            column("user_id", UUID).not_null(),
            column("jwt_id", "character varying(64)")
                .not_null()
                .comment("Maps to JWT jti claim for revocation"),
            column("device_info", "jsonb"),
            CREATED_AT,
            column("expires_at", TIME).not_null(),
            column("revoked_at", TIME),
        ],
        key_columns: 1,
        unique: &["jwt_id"],
        foreign_keys: &[of_user("CASCADE")],
        indexes: &[
            index("idx_vetassist_sessions_user", "USING btree (user_id)"),
            index("idx_vetassist_sessions_jwt", "USING btree (jwt_id)"),
            index(
                "idx_vetassist_sessions_expires",
                "USING btree (expires_at) WHERE (revoked_at IS NULL)",
            ),
        ],
        guards: &[],
    },
    Table {
        name: "vetassist_auth_audit",
        comment: "Security audit log for authentication events",
        columns: &[
            column("id", "bigint").not_null().default("nextval(vetassist_auth_audit_id_seq)"),
            column("user_id", UUID),
            column("event_type", "character varying(50)").not_null(),
            column("event_data", "jsonb"),
            column("ip_hash", "character varying(64)"),
            CREATED_AT,
        ],
        key_columns: 1,
        unique: &[],
        foreign_keys: &[of_user("NO ACTION")],
        indexes: &[
            index("idx_vetassist_audit_user", "USING btree (user_id)"),
            index("idx_vetassist_audit_type", "USING btree (event_type)"),
            index("idx_vetassist_audit_created", "USING btree (created_at)"),
        ],
        guards: &[
            Guard {
                name: "vetassist_auth_audit_append_only",
                fires: "BEFORE DELETE OR UPDATE OR TRUNCATE",
                for_each: "statement",
                calls: "vetassist_audit_guard",
            },
            Guard {
                name: "vetassist_auth_audit_append_only_rows",
                fires: "AFTER DELETE OR UPDATE",
                for_each: "row",
                calls: "vetassist_audit_guard",
            },
            Guard {
                name: "vetassist_auth_audit_id",
                fires: "BEFORE INSERT",
                for_each: "row",
                calls: "vetassist_audit_id",
            },
        ],
    },
];

/// Returns the four tables, each after those that it refers to.
#[must_use]
pub const fn tables() -> &'static [Table] {
    &TABLES
}

/// Returns the most characters that a text column of one of the four tables may have; `None` for a column
/// without such a limit.
#[must_use]
pub const fn length_of(table: &str, column: &str) -> Option<usize> {
    let mut tables = TABLES.as_slice();
    while let [first, rest @ ..] = tables {
        let mut columns = first.columns;
        while let [known, others @ ..] = columns {
            if is_same(first.name, table) && is_same(known.name, column) {
                return known.length();
            }
            columns = others;
        }
        tables = rest;
    }
    None
}

/// Compares two texts, because constants cannot use `==`.
const fn is_same(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    while let ([a, rest @ ..], [b, others @ ..]) = (one, other) {
        if *a != *b {
            return false;
        }
        (one, other) = (rest, others);
    }
    one.is_empty() && other.is_empty()
}
