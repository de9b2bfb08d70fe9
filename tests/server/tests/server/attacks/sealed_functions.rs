//! Tests that a client that seals and hashes by itself cannot store a value that is an address, a list of addresses or a
//! `Forwarded` header. Addresses within other text are not found.

use super::Victim;

#[test]
fn vetassist_login_sealed_refuses_addresses_in_the_clear() {
    let mut victim = Victim::installed(&[]);
    let sealed = "sha256('a') || sha256('b')";
    let login = |jti: &str, device: &str| {
        format!("SELECT vetassist_login_sealed(gen_random_uuid(), 'ICN {jti}', {sealed}, now() + '1 h', '{jti}', now() + '1 h', device_info => '{device}')")
    };
    for (number, device) in [
        "{\"ip\": \"203.0.113.7\"}",
        "{\"x\": \"2001:DB8::1\"}",
        "{\"a\": [{\"b\": \"203.0.113.7\"}]}",
        "[\"203.0.113.7\"]",
        "\"::ffff:203.0.113.7\"",
        "{\"203.0.113.7\": 1}",
        "{\"forwarded\": \"for=203.0.113.7\"}",
        "{\"forwarded\": \"for=_hidden;proto=https, For=\\\"[2001:db8::1]:47\\\"\"}",
        "{\"x-forwarded-for\": \"unknown, 203.0.113.7\"}",
        "{\"via\": \"203.0.113.7:443, proxy.example.com\"}",
        "{\"seen\": \"198.51.100.1 203.0.113.7\"}",
    ]
    .iter()
    .enumerate()
    {
        let call = login(&format!("refused {number}"), device);
        assert_eq!(victim.run("app", &call).expect_err(device).state, "22023", "{device}");
    }
    for (number, device) in [
        "{\"user_agent\": \"Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Version/17.4.1.2 Safari, 1.2.3.4\"}",
        "{\"browser\": \"Chrome, 120.0.0.0\", \"note\": \"for=you; by=hand\"}",
        "{\"app_version\": \"1.2.3.4, 1.2.3.5\", \"time\": \"10:30:00, 11:30\"}",
    ]
    .iter()
    .enumerate()
    {
        victim.must("app", &login(&format!("other {number}"), device));
    }
    victim.must("app", &login("kept", "{\"os\": \"iOS 17.1\", \"ip_hash\": \"fec52565aa0cf18f57d7cf5b3ac728503b8992d2d6f7d46da1d1201090902b02\"}"));
    assert_eq!(victim.count("SELECT count(*) FROM vetassist_sessions"), 4);
}
