//! The extension holds these objects and no others.

use vetassist_server_tests::{compare_with_golden, database, inventory};

#[test]
fn the_objects_are_those_on_the_list() {
    compare_with_golden("inventory.txt", &(inventory(&mut database()).join("\n") + "\n"));
}
