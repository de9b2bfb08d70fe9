//! Tests the installation, upgrade and removal of the Debian package, in a copy of its PostgreSQL.

use std::path::Path;

use pg_scratch::{random_key, Cluster, Postgres, Scratch, DEFAULT_MAJOR};

use crate::{debian::field, dpkg::Dpkg, package, release};

const USER: &str = "1bb044aa-ded1-40c7-8a88-433e74903f95";
const TOKEN: &str = "sealed before the package was upgraded";

/// The package is upgraded under a running server, purged, and installed again.
#[test]
fn data_survives_the_upgrade_and_removal_of_the_debian_package() {
    let [first, second] = [release(), release().join("next")].map(|folder| package(&folder));
    let name = format!("postgresql-{DEFAULT_MAJOR}-vetassist");
    let scratch = Scratch::create(&Postgres::debian(DEFAULT_MAJOR).unwrap()).unwrap();
    let dpkg = Dpkg::new(scratch.root());
    let before = dpkg.files();
    dpkg.run("--install", &first);

    let folder = scratch.root().join("packaged");
    let ring = folder.join("keys/ring");
    let settings = [("vetassist.master_key_file", &*ring.to_string_lossy())];
    let cluster = Cluster::start_at(scratch.postgres(), &folder, &settings).unwrap();
    cluster.write_key_file("ring", &random_key().unwrap(), 0o600).unwrap();
    let sql = |text: &str| answer(&cluster, &[text]).unwrap().trim().to_owned();
    let open = format!("SELECT vetassist_access_token('{USER}')");
    sql("CREATE EXTENSION vetassist");
    let versions = "SELECT extversion || ' ' || vetassist_version() FROM pg_extension WHERE extname = 'vetassist'";
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(sql(versions), format!("{version} {version}"));
    sql(&format!(
        "INSERT INTO vetassist_users (id, va_icn) VALUES ('{USER}', '1012667145V762142');
         SELECT vetassist_store_tokens('{USER}', '{TOKEN}', now() + interval '1 hour')"
    ));
    assert_eq!(sql(&open), TOKEN);

    // A session that has loaded the old library uses it during the upgrade and after it.
    let upgrade = format!("\\! {}", dpkg.shell("--install", &second));
    let said = answer(&cluster, &[&open, &upgrade, &open]).unwrap();
    assert_eq!(said.lines().filter(|line| *line == TOKEN).count(), 2, "{said}");
    assert_eq!(dpkg.version(&name), field(&second, "Version"));
    assert_eq!(sql(&open), TOKEN);

    dpkg.run("--purge", Path::new(&name));
    assert_eq!(dpkg.files().difference(&before).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(sql("SELECT count(*) FROM vetassist_va_tokens"), "1");
    let refusal = answer(&cluster, &[&open]).unwrap_err();
    assert!(refusal.contains("vetassist") && refusal.contains("No such file"), "{refusal}");
    dpkg.run("--install", &first);
    assert_eq!(sql(&open), TOKEN);
}

/// Returns the output of several commands in one session, or the error.
fn answer(cluster: &Cluster, commands: &[&str]) -> Result<String, String> {
    let mut arguments = vec!["-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"];
    for text in commands {
        arguments.extend(["-c", text]);
    }
    let output = cluster.psql("postgres", &arguments).unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8(output.stderr).unwrap())
    }
}
