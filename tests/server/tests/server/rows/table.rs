//! One trait for the rows of all tables.

use std::fmt::Debug;

use postgres::{
    types::{FromSqlOwned, ToSql},
    Client,
};
use serde::{de::DeserializeOwned, Serialize};
use serde_json::Value;
use vetassist_core::{AuthAudit, Json, Session, User, VaToken};
use vetassist_server_tests::database;

use super::samples::user;

/// The operations that the four kinds of rows have in common.
pub(super) trait Row:
    FromSqlOwned + ToSql + Sync + Serialize + DeserializeOwned + PartialEq + Debug + Clone
{
    const TABLE: &'static str;

    /// Returns the row with its JSON written in one way, because the server writes it in its own way.
    fn with_normalized_json(&self) -> Self {
        self.clone()
    }
}

fn with_normalized_json(json: Option<&Json>) -> Option<Json> {
    json.map(|json| json.read::<Value>().unwrap().into())
}

impl Row for User {
    const TABLE: &'static str = "vetassist_users";
}

impl Row for VaToken {
    const TABLE: &'static str = "vetassist_va_tokens";
}

impl Row for Session {
    const TABLE: &'static str = "vetassist_sessions";

    fn with_normalized_json(&self) -> Self {
        Self { device_info: with_normalized_json(self.device_info.as_ref()), ..self.clone() }
    }
}

impl Row for AuthAudit {
    const TABLE: &'static str = "vetassist_auth_audit";

    fn with_normalized_json(&self) -> Self {
        Self { event_data: with_normalized_json(self.event_data.as_ref()), ..self.clone() }
    }
}

/// Creates a database with the user that rows refer to, unless the table is that of the users.
pub(super) fn database_for(table: &str) -> Client {
    let mut db = database();
    if table != User::TABLE {
        insert(&mut db, &user());
    }
    db
}

pub(super) fn insert<T: Row>(db: &mut Client, row: &T) {
    let table = T::TABLE;
    let statement = format!("INSERT INTO {table} SELECT ($1::{table}).*");
    assert_eq!(db.execute(&statement, &[row]).unwrap(), 1);
}

pub(super) fn read<T: Row>(db: &mut Client) -> T {
    db.query_one(&format!("SELECT r FROM {} AS r", T::TABLE), &[]).unwrap().get(0)
}
