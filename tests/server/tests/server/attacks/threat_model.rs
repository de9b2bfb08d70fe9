//! Tests that the documentation names the threats that vetassist does not protect against.

use vetassist_repository_tests::documentation;

#[test]
fn the_threat_model_names_each_known_gap() {
    let pages = documentation();
    let model = &pages.iter().find(|page| page.path == "docs/threat-model.md").unwrap().text;
    for (named, why) in [
        ("pg_read_server_files", "its members read the key file"),
        ("REASSIGN OWNED", "it fires no event trigger, so only a check sees it"),
        ("TRUNCATE", "the owner of the schema may drop what is in it"),
        ("CREATEROLE", "on PostgreSQL 15 it can grant itself any role"),
        ("swap", "the two tokens of one row can be exchanged, and open"),
        ("DROP", "the owner of the schema may drop it"),
    ] {
        assert!(model.contains(named), "the threat model does not say {named}: {why}");
    }
}

#[test]
fn the_documentation_tells_applications_how_to_avoid_overloads() {
    let documents: String = documentation().into_iter().map(|page| page.text).collect();
    assert!(
        documents.contains("setString") && documents.contains("varchar"),
        "JDBC's setString sends varchar"
    );
    let section = documents.split("setString").nth(1).unwrap();
    assert!(section[..section.len().min(1500)].to_lowercase().contains("schema"));
}
