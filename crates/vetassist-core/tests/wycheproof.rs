//! Tests Project Wycheproof's AES-GCM cases with a 256-bit key, a 96-bit nonce and a 128-bit tag.
#![allow(clippy::unwrap_used, missing_docs)]

use vetassist_core::{Key, Nonce, OpenError};
use wycheproof::{
    aead::{TestName, TestSet},
    TestResult,
};

#[test]
fn each_wycheproof_case_of_aes_256_gcm_opens_or_is_refused() {
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in set.test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in group.tests {
            let key = Key::try_from(test.key.as_slice()).unwrap();
            let sealed = [test.nonce.as_slice(), &test.ct, &test.tag].concat();
            let opened = key.open(&sealed, &test.aad);
            let nonce = Nonce::from_bytes(test.nonce.to_vec().try_into().unwrap());
            let resealed = key.seal_with(nonce, &test.pt, &test.aad).unwrap();
            match test.result {
                TestResult::Valid | TestResult::Acceptable => {
                    valid += 1;
                    assert_eq!(opened.unwrap(), *test.pt, "case {}", test.tc_id);
                    assert_eq!(resealed, sealed, "case {}", test.tc_id);
                }
                TestResult::Invalid => {
                    invalid += 1;
                    assert_eq!(opened, Err(OpenError::Refused), "case {}", test.tc_id);
                    assert_ne!(resealed, sealed, "case {}", test.tc_id);
                }
            }
        }
    }
    // The test must not become empty if the crate's data changes.
    assert!(valid >= 30 && invalid >= 20, "only {valid} valid and {invalid} invalid cases");
    println!("{valid} valid, {invalid} invalid");
}
