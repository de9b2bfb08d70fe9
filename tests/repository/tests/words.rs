//! Checks the first words of doc comments.
#![allow(clippy::unwrap_used)]

use vetassist_repository_tests::shell;
use xshell::cmd;

/// Matches a doc comment, or a docstring, that begins with a question instead of a verb or a name.
const QUESTION: &str = r#"^\s*(///|//!|/\*\*|""") ?(What|Whether|That|How)\b"#;

#[test]
fn doc_comments_do_not_begin_with_a_question() {
    let sh = shell();
    let files = ["*.rs", "*.js", "*.mjs", "*.cjs", "*.ts", "*.cts", "*.py"];
    let output =
        cmd!(sh, "git grep -n -I -E -e {QUESTION} -- {files...}").ignore_status().output().unwrap();
    // The grep found nothing and did not fail.
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let question = "    /// Whether it does.\n";
    assert_eq!(
        cmd!(sh, "grep -E -e {QUESTION}").stdin(question).output().unwrap().stdout,
        question.as_bytes()
    );
}
