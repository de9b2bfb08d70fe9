//! The ICN, which identifies a veteran at VA.gov.

/// Words that programs write instead of a missing value.
const PLACEHOLDERS: [&str; 5] = ["unknown", "none", "null", "undefined", "n/a"];

/// Returns whether a text is a placeholder for a missing ICN: it has no ASCII letter or digit, or it is a word such as
/// `unknown` or `null`, in any case and with blanks or punctuation around it. Invisible characters in it do not count. Two
/// veterans without an ICN must not share an account. `sql/functions/users.sql` has the same rule.
///
/// It takes bytes, because ASCII is the same in every encoding of a database.
#[must_use]
pub fn stands_for_none(icn: impl AsRef<[u8]>) -> bool {
    let is_outside = |byte: &u8| !byte.is_ascii_alphanumeric();
    let icn = icn.as_ref();
    let start = icn.iter().take_while(|byte| is_outside(byte)).count();
    if start == icn.len() {
        return true;
    }
    let after = icn.iter().rev().take_while(|byte| is_outside(byte)).count();
    let word = &icn[start..icn.len() - after];
    let printable = |byte: &&u8| matches!(byte, b' '..=b'~');
    PLACEHOLDERS.iter().any(|placeholder| {
        word.iter().filter(printable).map(u8::to_ascii_lowercase).eq(placeholder.bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_no_icn() {
        for icn in [
            "",
            " \t\n",
            "unknown",
            " Unknown ",
            "NONE",
            "Null",
            "undefined",
            "N/A",
            "n/a\n",
            "\u{a0}\u{200b}",
            "\u{feff}none\u{3000}",
            "un\u{200b}known",
            "\"null\",",
            "-",
        ] {
            assert!(stands_for_none(icn), "{icn:?}");
        }
        for icn in ["1012667145V762142", "0", "nobody", "none1", "n / a", "\u{a0}1"] {
            assert!(!stands_for_none(icn), "{icn:?}");
        }
    }
}
