//! The tables that vetassist adds to the four.

use super::tables::{column, index, of_user, Column, Index, Table, ID, TIME, UUID};

/// The only table of these that versions before 0.3.0 have.
pub(super) const KEYED_IP_HASHES: &str = "vetassist_keyed_ip_hashes";

/// Describes a table that has a primary key and no other key, index or guard.
const fn table(name: &'static str, comment: &'static str, columns: &'static [Column]) -> Table {
    Table {
        name,
        comment,
        columns,
        key_columns: 1,
        unique: &[],
        foreign_keys: &[],
        indexes: &[],
        guards: &[],
    }
}

const OWN_TABLES: [Table; 9] = [
    table(
        KEYED_IP_HASHES,
        "Address hashes that are keyed, of those that vetassist_auth_audit and vetassist_sessions hold",
        &[column("ip_hash", "character varying(64)").not_null()],
    ),
    Table {
        foreign_keys: &[of_user("CASCADE")],
        indexes: &[
            index("idx_vetassist_refresh_leases_user", "USING btree (user_id)"),
            index("idx_vetassist_refresh_leases_expires", "USING btree (expires_at)"),
        ],
        ..table(
            "vetassist_refresh_leases",
            "Leases of refresh tokens, each for one exchange",
            &[
                column("lease_id", UUID).not_null(),
                column("user_id", UUID).not_null(),
                column("taken_in", "xid8").not_null(),
                column("expires_at", TIME).not_null(),
                column("tokens_digest", "character varying(64)").not_null(),
                column("stored_digest", "character varying(64)"),
                column("failed_at", TIME),
            ],
        )
    },
    Table {
        foreign_keys: &[of_user("CASCADE")],
        ..table(
            "vetassist_refresh_states",
            "Refreshes that failed, with the time of the next try",
            &[
                column("user_id", UUID).not_null(),
                column("tokens_digest", "character varying(64)").not_null(),
                column("attempts", "integer").not_null(),
                column("failed_at", TIME).not_null(),
                column("retry_at", TIME),
                column("last_error", "character varying(64)").not_null(),
            ],
        )
    },
    table(
        "vetassist_key_fingerprints",
        "Fingerprints of the keys that sealed tokens",
        &[
            ID,
            column("fingerprint", "character varying(16)").not_null(),
            column("noted_at", TIME).not_null().default("now()"),
        ],
    ),
    Table {
        indexes: &[Index {
            name: "vetassist_audit_leaves_of_row",
            is_unique: true,
            definition: "USING btree (audit_id) WHERE (kind = 'r'::\"char\")",
        }],
        ..table(
            "vetassist_audit_leaves",
            "Entries of the audit log, with the salts of what vetassist_auth_audit holds",
            &[
                column("entry", "bigint").not_null(),
                column("audit_id", "bigint"),
                column("kind", "\"char\"").not_null(),
                column("leaf_hash", "bytea").not_null(),
                column("salts", "bytea"),
                column("event_commitment", "bytea"),
                column("ip_commitment", "bytea"),
                column("data", "bytea"),
            ],
        )
    },
    Table {
        key_columns: 2,
        ..table(
            "vetassist_audit_nodes",
            "Inner nodes of the audit log's tree",
            &[
                column("level", "smallint").not_null(),
                column("place", "bigint").not_null(),
                column("hash", "bytea").not_null(),
            ],
        )
    },
    table(
        "vetassist_audit_head",
        "Origin, size and root of the audit log",
        &[
            column("is_only", "boolean").not_null().default("true"),
            column("origin", "text").not_null(),
            column("size", "bigint").not_null(),
            column("root", "bytea").not_null(),
            column("system_identifier", "bigint").not_null(),
            column("database", "oid").not_null(),
            column("recent_id", "bigint").not_null(),
            column("swept_id", "bigint").not_null(),
            column("swept_at", TIME),
            column("seals_after", "bigint"),
            column("is_sweeping", "boolean").not_null().default("false"),
            column("sealed_at", TIME),
        ],
    ),
    Table {
        key_columns: 2,
        ..table(
            "vetassist_audit_pending",
            "Changes of vetassist_auth_audit that are not in the audit log yet",
            &[
                column("transaction", "xid8").not_null(),
                column("part", "integer").not_null(),
                column("kind", "\"char\"").not_null(),
                column("audit_ids", "bigint[]").not_null(),
                column("entries", "int8multirange"),
                column("cutoff", TIME),
                column("session_user_name", "text").not_null(),
                column("at", TIME).not_null(),
            ],
        )
    },
    table(
        "vetassist_audit_unsealable",
        "Rows of vetassist_auth_audit that the audit log can't take",
        &[column("audit_id", "bigint").not_null(), column("sqlstate", "text").not_null()],
    ),
];

/// Returns the tables that vetassist adds to the four. A database whose own migration created the four lacks them.
#[must_use]
pub const fn own_tables() -> &'static [Table] {
    &OWN_TABLES
}
