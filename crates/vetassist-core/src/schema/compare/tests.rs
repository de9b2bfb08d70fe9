use alloc::{format, string::ToString};

use super::*;

/// Returns the rows of equal tables, which the tests change.
fn agreeing_rows() -> Vec<CatalogRow> {
    let mut rows = Vec::new();
    for object in
        tables().iter().chain(own_tables()).flat_map(|table| expected_of(table, Guards::Required))
    {
        for (attribute, value) in object.facts {
            let (object, attribute) = (object.name.clone().into_owned(), attribute.to_owned());
            rows.push(CatalogRow { object, attribute, value: value.into_owned() });
        }
    }
    rows
}

fn problems(rows: &[CatalogRow]) -> Vec<String> {
    compare(rows, Guards::Required)
        .into_iter()
        .map(|d| format!("{}: {}", d.object, d.problem))
        .collect()
}

#[test]
fn equal_tables_have_no_difference() {
    assert_eq!(compare(&agreeing_rows(), Guards::Required), []);
}

#[test]
fn an_empty_database_has_one_difference_for_each_table() {
    assert_eq!(
        problems(&[]),
        [
            "vetassist_users: missing",
            "vetassist_va_tokens: missing",
            "vetassist_sessions: missing",
            "vetassist_auth_audit: missing",
            "vetassist_keyed_ip_hashes: missing",
            "vetassist_refresh_leases: missing",
            "vetassist_refresh_states: missing",
            "vetassist_key_fingerprints: missing",
            "vetassist_audit_leaves: missing",
            "vetassist_audit_nodes: missing",
            "vetassist_audit_head: missing",
            "vetassist_audit_pending: missing",
            "vetassist_audit_unsealable: missing",
        ]
    );
}

#[test]
fn every_changed_or_missing_fact_is_a_difference() {
    let rows = agreeing_rows();
    for index in 0..rows.len() {
        let mut changed = rows.clone();
        if rows[index].attribute == POSITION {
            // This position is past the last column.
            if !rows[index].object.ends_with(".id") {
                continue;
            }
            changed[index].value = "99".to_owned();
            assert!(problems(&changed).contains(&format!("{}: position", rows[index].object)));
            continue;
        }
        changed[index].value.push('x');
        let expected = format!("{}: {}", rows[index].object, rows[index].attribute);
        assert_eq!(problems(&changed), [expected]);

        let mut without = rows.clone();
        without.remove(index);
        assert!(!compare(&without, Guards::Required).is_empty(), "{:?}", rows[index]);
    }
}

#[test]
fn only_swapped_columns_have_another_position() {
    let is_position =
        |row: &CatalogRow, name: &str| row.object == name && row.attribute == POSITION;
    let mut rows = agreeing_rows();
    rows.retain(|row| row.object != "vetassist_users.email");
    for row in &mut rows {
        if row.object.starts_with("vetassist_users.") && row.attribute == POSITION {
            let place: u32 = row.value.parse().expect("a number");
            row.value = (if place > 4 { place - 1 } else { place }).to_string();
        }
    }
    assert_eq!(problems(&rows), ["vetassist_users.email: missing"]);

    let mut rows = agreeing_rows();
    for row in &mut rows {
        if is_position(row, "vetassist_users.email") {
            row.value = "5".to_owned();
        } else if is_position(row, "vetassist_users.first_name") {
            row.value = "4".to_owned();
        }
    }
    assert_eq!(
        problems(&rows),
        ["vetassist_users.email: position", "vetassist_users.first_name: position"]
    );
}

#[test]
fn missing_guards_are_a_difference_only_after_the_installation() {
    let mut rows = agreeing_rows();
    rows.retain(|row| !row.object.contains(" trigger "));
    assert_eq!(compare(&rows, Guards::Allowed), []);
    let mut without_own = rows.clone();
    without_own.retain(|row| own_tables().iter().all(|table| !row.object.starts_with(table.name)));
    assert_eq!(compare(&without_own, Guards::Allowed), []);
    assert_eq!(compare(&without_own, Guards::Required).len(), 3 + own_tables().len());
    assert_eq!(
        problems(&rows),
        [
            "vetassist_auth_audit trigger vetassist_auth_audit_append_only: missing",
            "vetassist_auth_audit trigger vetassist_auth_audit_append_only_rows: missing",
            "vetassist_auth_audit trigger vetassist_auth_audit_id: missing",
        ]
    );
    let mut rows = agreeing_rows();
    assert_eq!(compare(&rows, Guards::Allowed), []);
    for row in rows.iter_mut().filter(|row| row.attribute == "calls") {
        row.value = "public.something_else".to_owned();
    }
    assert_eq!(compare(&rows, Guards::Allowed).len(), 3);
}

#[test]
fn one_trigger_is_enough_as_the_guard_of_older_versions() {
    let mut rows = agreeing_rows();
    rows.retain(|row| {
        !row.object.contains(" trigger ")
            || (row.object.ends_with("_append_only") && row.attribute != "enabled")
    });
    assert_eq!(compare(&rows, Guards::Older), []);
    assert_eq!(compare(&rows, Guards::Required).len(), 3);
    rows.retain(|row| !row.object.contains(" trigger "));
    assert_eq!(compare(&rows, Guards::Older).len(), 1);
}

#[test]
fn extra_and_duplicate_objects_are_differences() {
    let mut rows = agreeing_rows();
    let extra = |object: &str, attribute: &str, value: &str| CatalogRow {
        object: object.to_owned(),
        attribute: attribute.to_owned(),
        value: value.to_owned(),
    };
    rows.push(extra("vetassist_users trigger t", "kind", "trigger"));
    rows.push(extra("vetassist_users", "row security", "forced"));
    rows.push(extra("role vetassist_owner", "login", "true"));
    rows.push(extra("role vetassist_owner", "members", "mallory"));
    rows.push(rows[0].clone());
    assert_eq!(
        problems(&rows),
        [
            "vetassist_users: duplicate",
            "vetassist_users: row security",
            "role vetassist_owner: login",
            "role vetassist_owner: members",
            "vetassist_users trigger t: extra",
        ]
    );
    // The installation creates and checks the owner and the triggers itself.
    assert_eq!(compare(&rows, Guards::Allowed).len(), 3);
}

#[test]
fn a_missing_table_is_reported_with_the_schema_that_has_it() {
    let rows: Vec<_> = agreeing_rows()
        .into_iter()
        .filter(|row| !row.object.starts_with("vetassist_users"))
        .chain([CatalogRow {
            object: "vetassist_users".to_owned(),
            attribute: "schema".to_owned(),
            value: "app".to_owned(),
        }])
        .collect();
    let differences = compare(&rows, Guards::Required);
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0].problem, "missing");
    assert_eq!(differences[0].found.as_deref(), Some("in schema app"));
}
