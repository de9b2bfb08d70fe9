//! Shows how fast a plain IP hash can be reversed: hashes IPv4 addresses for two seconds on one core, and prints
//! the time that all of them would take. Run it with `--release`.

use std::{
    hint::black_box,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use vetassist_core::IpHash;

fn main() {
    let started = Instant::now();
    let mut tried: u32 = 0;
    while started.elapsed() < Duration::from_secs(2) {
        for address in tried..tried + 10_000 {
            black_box(IpHash::of(
                Ipv4Addr::from(black_box(address.wrapping_mul(2_654_435_761))).into(),
            ));
        }
        tried += 10_000;
    }
    let rate = f64::from(tried) / started.elapsed().as_secs_f64();
    let all = 2f64.powi(32) / rate / 60.0;
    println!(
        "{:.1} million addresses a second: all IPv4 addresses in {all:.0} minutes",
        rate / 1e6
    );
}
