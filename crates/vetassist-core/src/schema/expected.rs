//! The facts that the catalog query finds if nothing differs.

use alloc::{
    borrow::Cow,
    string::{String, ToString},
    vec::Vec,
};

use super::tables::{Guards, Table, AUDIT_SEQUENCE};

pub(super) const POSITION: &str = "position";

/// Attributes and values, in the order in which they are reported.
pub(super) type Facts<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// A table, column, key, index, sequence, trigger, rule or policy.
pub(super) struct Object<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) facts: Facts<'a>,
}

impl Object<'_> {
    pub(super) fn value(&self, attribute: &str) -> Option<&str> {
        self.facts.iter().find(|(name, _)| *name == attribute).map(|(_, value)| &**value)
    }

    pub(super) fn is_trigger(&self) -> bool {
        self.name.contains(" trigger ")
    }

    /// Returns its description in one line.
    pub(super) fn describe(&self) -> String {
        let mut text = String::new();
        for (attribute, value) in &self.facts {
            let separator = if text.is_empty() { "" } else { ", " };
            for part in [separator, attribute, " ", value] {
                text.push_str(part);
            }
        }
        text
    }
}

/// Returns the objects that the catalog query finds for a table if nothing differs, the table first.
pub(super) fn expected_of(table: &Table, guards: Guards) -> Vec<Object<'static>> {
    let name = table.name;
    let mut objects = Vec::new();
    let mut object = |name: &[&str], facts: &[(&'static str, Option<Cow<'static, str>>)]| {
        let facts = facts
            .iter()
            .filter_map(|(attribute, value)| Some((*attribute, value.clone()?)))
            .collect();
        objects.push(Object { name: Cow::Owned(name.concat()), facts });
    };
    let fixed = |value: &'static str| Some(Cow::Borrowed(value));
    object(
        &[name],
        &[
            ("kind", fixed("table")),
            ("persistence", fixed("permanent")),
            ("comment", fixed(table.comment)),
        ],
    );
    for (index, column) in table.columns.iter().enumerate() {
        object(
            &[name, ".", column.name],
            &[
                (POSITION, Some(Cow::Owned((index + 1).to_string()))),
                ("type", fixed(column.sql_type)),
                ("not null", fixed(if column.not_null { "true" } else { "false" })),
                ("default", column.default.map(Cow::Borrowed)),
                ("comment", column.comment.map(Cow::Borrowed)),
            ],
        );
        if column.sql_type == "bigint" && column.default.is_some() {
            object(
                &[AUDIT_SEQUENCE],
                &[
                    ("type", fixed("bigint")),
                    ("increment", fixed("1")),
                    ("minimum", fixed("1")),
                    ("maximum", fixed("9223372036854775807")),
                    ("cache", fixed("1")),
                ],
            );
        }
    }
    let key: Vec<&str> =
        table.columns.iter().take(table.key_columns).map(|column| column.name).collect();
    object(&[name, " PRIMARY KEY (", &key.join(", "), ")"], &[("kind", fixed("primary key"))]);
    for column in table.unique {
        object(&[name, " UNIQUE (", column, ")"], &[("kind", fixed("unique"))]);
    }
    for key in table.foreign_keys {
        object(
            &[name, " FOREIGN KEY (", key.column, ")"],
            &[
                ("references", fixed(key.references)),
                ("on delete", fixed(key.on_delete)),
                ("on update", fixed("NO ACTION")),
            ],
        );
    }
    for index in table.indexes {
        let unique = if index.is_unique { "UNIQUE " } else { "" };
        let definition = [unique, "ON ", name, " ", index.definition].concat();
        object(&[index.name], &[("definition", Some(Cow::Owned(definition)))]);
    }
    let is_older = guards == Guards::Older;
    for guard in table.guards.iter().take(if is_older { 1 } else { usize::MAX }) {
        object(
            &[name, " trigger ", guard.name],
            &[
                ("kind", fixed("trigger")),
                ("fires", fixed(guard.fires)),
                ("for each", fixed(guard.for_each)),
                ("calls", fixed(guard.calls)),
                ("enabled", fixed("always").filter(|_| !is_older)),
            ],
        );
    }
    objects
}
