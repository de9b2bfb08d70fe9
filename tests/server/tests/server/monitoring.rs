//! Tests `examples/monitoring`: the metrics that Prometheus reads from postgres_exporter, and the alerts.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use vetassist_server_tests::{debian_file, repository, wait, KeyedServer};

fn folder() -> PathBuf {
    repository().join("examples/monitoring")
}

struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the exporter's page, or an empty string while the exporter does not listen.
fn scrape(address: &str) -> String {
    let mut shown = String::new();
    if let Ok(mut stream) = TcpStream::connect(address) {
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
        stream.read_to_string(&mut shown).unwrap();
    }
    shown
}

#[test]
#[ignore = "takes seconds"]
fn the_exporter_shows_every_metric_to_the_tier_monitor() {
    let mut server = KeyedServer::start();
    server
        .db
        .batch_execute(
            "CREATE ROLE exporter LOGIN; SELECT vetassist_grant('exporter', 'monitor');
             SELECT vetassist_login('ICN ' || n, 'a', now() - interval '1 h', 'jti ' || n, now() + interval '1 h', 'r') FROM generate_series(1, 3) AS n;
             ANALYZE vetassist_users",
        )
        .unwrap();
    let lease = "SELECT lease_id::text FROM vetassist_use_token(vetassist_find_user('ICN 1'))";
    let lease: String = server.db.query_one(lease, &[]).unwrap().get(0);
    server
        .db
        .batch_execute(&format!("SELECT vetassist_fail_refresh('{lease}', 'invalid_grant', true)"))
        .unwrap();

    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let program =
        debian_file("prometheus-postgres-exporter", "usr/bin/prometheus-postgres-exporter");
    let source = format!("host={} user=exporter dbname=postgres", server.socket_dir().display());
    let exporter = Command::new(program)
        .env("DATA_SOURCE_NAME", source)
        .args(["--disable-default-metrics", "--disable-settings-metrics"])
        .arg(format!("--web.listen-address={address}"))
        .arg(format!("--extend.query-path={}", folder().join("queries.yml").display()))
        .stderr(Stdio::null())
        .spawn();
    let _exporter = Exporter(exporter.unwrap());
    let mut shown = String::new();
    wait(|| {
        shown = scrape(&address);
        shown.contains("vetassist_sessions_active")
    });
    let line = |name: &str| {
        let mut lines = shown.lines().filter_map(|line| line.strip_prefix(name));
        lines.next().unwrap_or_else(|| panic!("no {name} in {shown}")).to_owned()
    };
    // The exporter shows every metric with its value.
    let figures =
        "SELECT name, labels ->> 'table', labels ->> 'state', value FROM vetassist_metrics()";
    for row in server.db.query(figures, &[]).unwrap() {
        let (name, value): (String, f64) = (row.get(0), row.get(3));
        let label = |name: &str, column| {
            row.get::<_, Option<String>>(column).map(|value| format!("{name}=\"{value}\""))
        };
        let label = label("table", 1).or_else(|| label("state", 2)).unwrap_or_default();
        let found = shown
            .lines()
            .find(|line| line.starts_with(&format!("{name}{{")) && line.contains(&label));
        let found = found.unwrap_or_else(|| panic!("no {name} {label} in {shown}"));
        let found: f64 = found.rsplit(' ').next().unwrap().parse().unwrap();
        // A delay grows during the test.
        assert!((found - value).abs() < 60.0, "{name} {label}: {found}, not {value}");
    }
    // Prometheus's rules for names find nothing wrong.
    let own: Vec<_> = shown.lines().filter(|line| line.contains("vetassist_")).collect();
    assert!(own.iter().any(|line| line.starts_with("# TYPE vetassist_check_findings gauge")));
    let mut lint = Command::new(debian_file("prometheus", "usr/bin/promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let page = own.join("\n") + "\n";
    lint.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let lint = lint.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&lint.stderr);
    assert!(lint.status.success() && said.is_empty(), "{said}");
    let findings = |severity: &str| {
        let name = format!("severity=\"{severity}\"");
        let line = shown
            .lines()
            .find(|line| line.starts_with("vetassist_check_findings{") && line.contains(&name));
        line.unwrap_or_else(|| panic!("no {name}")).rsplit(' ').next().unwrap().to_owned()
    };
    // The warnings: the library is not preloaded, and refreshes are late.
    assert_eq!((&*findings("error"), &*findings("warning")), ("0", "2"));
    assert!(line("pg_exporter_last_scrape_error").ends_with(" 0"));
    assert!(!shown.contains("pg_exporter_user_queries_load_error{filename=\"queries.yml\"} 1"));
}

#[test]
fn the_alerts_pass_their_tests_and_use_exported_metrics() {
    let promtool = debian_file("prometheus", "usr/bin/promtool");
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let output =
            Command::new(&promtool).current_dir(folder()).args(arguments).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("SUCCESS"), "{said}");
    }
    // The exporter has every metric that an alert uses.
    let read = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap();
    let (alerts, queries) = (read("alerts.yml"), read("queries.yml"));
    let words = alerts.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let known: Vec<_> = queries
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- ")?.split_once(':'))
        .collect();
    for word in words.filter(|word| {
        word.starts_with("vetassist_")
            && !alerts.contains(&format!("{word}("))
            && !alerts.contains(&format!("\"{word}\""))
    }) {
        assert!(known.iter().any(|(column, _)| word.ends_with(column)), "{word}");
    }
}
