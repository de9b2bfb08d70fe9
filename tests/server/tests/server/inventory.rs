//! Compares the objects of the extension with a list.

use vetassist_server_tests::{compare_with_golden, database, inventory};

#[test]
fn the_extension_has_exactly_the_listed_objects() {
    compare_with_golden("inventory.txt", &(inventory(&mut database()).join("\n") + "\n"));
}
