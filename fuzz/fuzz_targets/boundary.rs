//! Calls the module's functions in any order with any numbers: each returns a length, a handle or a status, and sealed bytes
//! open.
#![no_main]

use boundary::{address, data_key, engine, master};
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};

/// A size that is usually small, and sometimes extreme.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Size {
    Small(u8),
    Any(u16),
    Huge(u32),
    Largest,
}

impl Size {
    fn get(self) -> usize {
        match self {
            Self::Small(size) => size.into(),
            Self::Any(size) => size.into(),
            Self::Huge(size) => usize::MAX - size as usize,
            Self::Largest => usize::MAX,
        }
    }
}

#[derive(Arbitrary, Debug)]
enum Call {
    Write(Vec<u8>),
    Stage(u16),
    Unstage,
    DrawNonce,
    GenerateKey,
    Release(Size),
    HashIp(Size),
    HashIpKeyed(Size, Size),
    UpgradeIpHash(Size, Size),
    KeyNew,
    KeyExpose(Size),
    KeySeal(Size, Size, Size),
    KeyOpen(Size, Size, Size),
    MasterNew,
    MasterNewHex,
    MasterExpose(Size, Size, Size),
    UserKeyExpose(Size, Size),
    DeriveUserKey(Size),
    MasterCount(Size),
    Fingerprint(Size, Size),
    RingNew(Size),
    RingParse(Size),
    EncryptToken(Size, Size),
    DecryptToken(Size, Size),
    SealAndOpen(Vec<u8>, Vec<u8>),
}

/// Returns the staged bytes as JavaScript sees them: a pointer into the module's memory.
fn staged(len: usize) -> &'static mut [u8] {
    let start = engine::stage(len);
    assert!(!start.is_null());
    // SAFETY: the buffer has at least this length, and there is no other thread.
    unsafe { std::slice::from_raw_parts_mut(start, len) }
}

fn call(call: Call) -> Option<i32> {
    Some(match call {
        Call::Write(bytes) => {
            staged(bytes.len()).copy_from_slice(&bytes);
            return None;
        }
        Call::Stage(len) => {
            staged(len.into());
            return None;
        }
        Call::Unstage => {
            engine::unstage();
            return None;
        }
        Call::Release(handle) => {
            engine::release(handle.get());
            return None;
        }
        Call::SealAndOpen(aad, plaintext) => {
            seal_and_open(&aad, &plaintext);
            return None;
        }
        Call::DrawNonce => engine::draw_nonce(),
        Call::GenerateKey => engine::generate_key(),
        Call::HashIp(len) => address::hash_ip(len.get()),
        Call::HashIpKeyed(handle, len) => address::hash_ip_keyed(handle.get(), len.get()),
        Call::UpgradeIpHash(handle, len) => address::upgrade_ip_hash(handle.get(), len.get()),
        Call::KeyNew => data_key::key_new(),
        Call::KeyExpose(handle) => data_key::key_expose(handle.get()),
        Call::KeySeal(handle, aad, len) => data_key::key_seal(handle.get(), aad.get(), len.get()),
        Call::KeyOpen(handle, aad, len) => data_key::key_open(handle.get(), aad.get(), len.get()),
        Call::MasterNew => master::master_new(),
        Call::MasterNewHex => master::master_new_hex(),
        Call::MasterExpose(handle, position, index) => {
            master::master_expose(handle.get(), position.get(), index.get())
        }
        Call::UserKeyExpose(handle, position) => {
            master::user_key_expose(handle.get(), position.get())
        }
        Call::DeriveUserKey(handle) => master::derive_user_key(handle.get()),
        Call::MasterCount(handle) => master::master_count(handle.get()),
        Call::Fingerprint(handle, position) => master::fingerprint(handle.get(), position.get()),
        Call::RingNew(count) => master::ring_new(count.get()),
        Call::RingParse(len) => master::ring_parse(len.get()),
        Call::EncryptToken(handle, len) => master::encrypt_token(handle.get(), len.get()),
        Call::DecryptToken(handle, len) => master::decrypt_token(handle.get(), len.get()),
    })
}

/// Seals and opens as the JavaScript of the package does.
fn seal_and_open(aad: &[u8], plaintext: &[u8]) {
    staged(32).fill(7);
    let handle = usize::try_from(data_key::key_new()).unwrap();
    let stage = staged(aad.len() + plaintext.len() + 28);
    stage[..aad.len()].copy_from_slice(aad);
    stage[aad.len() + 12..][..plaintext.len()].copy_from_slice(plaintext);
    let sealed = usize::try_from(data_key::key_seal(handle, aad.len(), plaintext.len())).unwrap();
    assert_eq!(sealed, plaintext.len() + 28);
    let opened = usize::try_from(data_key::key_open(handle, aad.len(), sealed)).unwrap();
    assert_eq!(opened, plaintext.len());
    assert_eq!(&staged(aad.len() + sealed)[aad.len() + 12..][..opened], plaintext);
    // The buffer now holds plaintext before the tag, so opening again fails. A short plaintext may equal its ciphertext.
    let again = data_key::key_open(handle, aad.len(), sealed);
    assert!(again == -8 || plaintext.len() < 16);
    engine::release(handle);
}

impl Call {
    /// Returns true if the result is a handle, which the caller must release.
    fn makes(&self) -> bool {
        matches!(
            self,
            Self::KeyNew
                | Self::MasterNew
                | Self::MasterNewHex
                | Self::DeriveUserKey(_)
                | Self::RingNew(_)
                | Self::RingParse(_)
        )
    }
}

fuzz_target!(|calls: Vec<Call>| {
    // The engine keeps its state between inputs, so all handles are released at the end.
    let mut handles = 0;
    for each in calls {
        let makes = each.makes();
        if let Some(answer) = call(each) {
            assert!((-10..=1 << 17).contains(&answer), "{answer}");
            if makes {
                handles = handles.max(answer);
            }
        }
    }
    engine::unstage();
    for handle in 1..=usize::try_from(handles).unwrap_or_default() {
        engine::release(handle);
    }
});
