//! The ICN, which identifies a veteran at VA.gov.

/// Words that programs write instead of a missing value.
const PLACEHOLDERS: [&str; 5] = ["unknown", "none", "null", "undefined", "n/a"];

/// Returns whether a text is a placeholder for a missing ICN: blank, or a word such as `unknown` or `null`, in any case
/// and with blanks around it. Two veterans without an ICN must not share an account. `sql/functions/users.sql` has the same
/// rule.
#[must_use]
pub fn stands_for_none(icn: &str) -> bool {
    let icn = icn.trim();
    icn.is_empty() || PLACEHOLDERS.iter().any(|word| icn.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_no_icn() {
        for icn in
            ["", " \t\n", "unknown", " Unknown ", "NONE", "Null", "undefined", "N/A", "n/a\n"]
        {
            assert!(stands_for_none(icn), "{icn:?}");
        }
        for icn in ["1012667145V762142", "0", "nobody", "none1", "n / a"] {
            assert!(!stands_for_none(icn), "{icn:?}");
        }
    }
}
