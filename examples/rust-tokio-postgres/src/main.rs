//! A sign-in service that seals tokens by itself, with the rows of vetassist-core on tokio-postgres.
//!
//! It works with the tables of `cargo xtask sql` and with the extension, because the bytes are the same.
//! `DATABASE_URL` names the database, `VETASSIST_KEYS` the key file.
//!
//! ```text
//! example-rust-tokio-postgres check                          compares the tables with their description
//! example-rust-tokio-postgres sign-in ICN ADDRESS <response  stores the response of VA.gov, prints the user's id
//! example-rust-tokio-postgres access-token USER_ID           prints the user's access token
//! example-rust-tokio-postgres refresh COMMAND                refreshes the tokens that are due, prints their number
//! example-rust-tokio-postgres rotate                         seals all tokens under the first key, prints the number of rows
//! ```
//!
//! COMMAND stands for the request to VA.gov's token endpoint: it reads a refresh token and prints the response of VA.gov.

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write},
    process::{Command, ExitCode, Stdio},
};

use serde::Deserialize;
use serde_json::json;
use time::{Duration, OffsetDateTime};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;
use vetassist_core::{
    schema::{compare, CatalogRow, Guards, CATALOG_QUERY},
    IpHash, KeyRing, Reseal, RingSession, Sealed, Session, Timestamp, User, VaToken,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The response of VA.gov's token endpoint.
#[derive(Deserialize)]
struct Response {
    access_token: String,
    refresh_token: Option<String>,
    scope: Option<String>,
    /// Seconds.
    expires_in: i64,
}

/// The response of VA.gov's token endpoint if it refuses.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (mut db, connection) = tokio_postgres::connect(&env::var("DATABASE_URL")?, NoTls).await?;
    // The task ends when the client is dropped. An error of the connection fails the client's calls.
    tokio::spawn(connection);
    match &*arguments.iter().map(String::as_str).collect::<Vec<_>>() {
        ["check"] => check(&mut db).await,
        ["sign-in", icn, address] => {
            let response = serde_json::from_reader(io::stdin())?;
            println!("{}", sign_in(&mut db, &ring()?, icn, address, &response).await?);
            Ok(())
        }
        ["access-token", user_id] => {
            println!("{}", access_token(&db, &ring()?, user_id.parse()?).await?);
            Ok(())
        }
        ["refresh", command] => {
            println!("{}", refresh_due(&db, &ring()?, command).await?);
            Ok(())
        }
        ["rotate"] => {
            println!("{}", rotate(&db, ring()?).await?);
            Ok(())
        }
        _ => {
            Err("check, sign-in ICN ADDRESS, access-token USER_ID, refresh COMMAND, or rotate"
                .into())
        }
    }
}

fn ring() -> Result<KeyRing> {
    Ok(KeyRing::parse(&fs::read(env::var("VETASSIST_KEYS")?)?)?)
}

/// Checks the tables when the service starts. The service must not run if the tables differ from their description.
async fn check(db: &mut Client) -> Result<()> {
    let schema: String = db.query_one("SELECT current_schema()::text", &[]).await?.get(0);
    let transaction = db.transaction().await?;
    transaction
        .batch_execute("SET LOCAL search_path = pg_catalog; SET LOCAL quote_all_identifiers = off")
        .await?;
    let rows = transaction.query(CATALOG_QUERY, &[&schema]).await?;
    let row = |row: &tokio_postgres::Row| CatalogRow {
        object: row.get(0),
        attribute: row.get(1),
        value: row.get(2),
    };
    let rows: Vec<CatalogRow> = rows.iter().map(row).collect();
    let differences: Vec<String> = compare(&rows, Guards::Required)
        .iter()
        .map(|d| format!("{}: {}", d.object, d.problem))
        .collect();
    if differences.is_empty() {
        Ok(())
    } else {
        Err(differences.join("\n").into())
    }
}

/// Stores the user, the tokens, the session and the audit row in one transaction.
async fn sign_in(
    db: &mut Client,
    ring: &KeyRing,
    icn: &str,
    address: &str,
    response: &Response,
) -> Result<Uuid> {
    let transaction = db.transaction().await?;
    let user: User = transaction
        .query_one(
            "INSERT INTO vetassist_users AS u (va_icn, last_login_at) VALUES ($1, now())
             ON CONFLICT (va_icn) DO UPDATE SET last_login_at = now() RETURNING u",
            &[&icn],
        )
        .await?
        .get(0);
    if user.is_active != Some(true) {
        return Err("the account is not active".into());
    }
    let now = OffsetDateTime::now_utc();

    let mut keys = ring.user(user.id);
    let access = Sealed::try_from(keys.seal_token(&response.access_token)?)?;
    let refresh = match &response.refresh_token {
        Some(token) => Some(Sealed::try_from(keys.seal_token(token)?)?),
        None => None,
    };
    let expires_at = Timestamp::try_from(now + Duration::seconds(response.expires_in))?;
    transaction
        .execute(
            "INSERT INTO vetassist_va_tokens AS t
                 (user_id, access_token_encrypted, refresh_token_encrypted, scope, expires_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (user_id) DO UPDATE SET
                 access_token_encrypted = excluded.access_token_encrypted,
                 refresh_token_encrypted = coalesce(excluded.refresh_token_encrypted, t.refresh_token_encrypted),
                 scope = excluded.scope, expires_at = excluded.expires_at, refreshed_at = now()",
            &[&user.id, &access, &refresh, &response.scope, &expires_at],
        )
        .await?;

    let session = Session {
        id: Uuid::new_v4(),
        user_id: user.id,
        jwt_id: Uuid::new_v4().to_string(),
        device_info: None,
        created_at: Some(now.try_into()?),
        expires_at: (now + Duration::hours(8)).try_into()?,
        revoked_at: None,
    };
    transaction
        .execute("INSERT INTO vetassist_sessions SELECT ($1::vetassist_sessions).*", &[&session])
        .await?;

    // The hash is keyed, because a reader of the table could reverse all plain hashes of IPv4 addresses in minutes.
    let hash = ring.upgrade_ip_hash(&IpHash::of_text(address)?);
    transaction
        .execute(
            "INSERT INTO vetassist_keyed_ip_hashes VALUES ($1) ON CONFLICT DO NOTHING",
            &[&hash],
        )
        .await?;
    let event = vetassist_core::Json::from(json!({ "session_id": session.id.to_string() }));
    transaction
        .execute(
            "INSERT INTO vetassist_auth_audit (user_id, event_type, event_data, ip_hash) VALUES ($1, 'login', $2, $3)",
            &[&user.id, &event, &hash],
        )
        .await?;
    transaction.commit().await?;
    Ok(user.id)
}

async fn access_token(db: &Client, ring: &KeyRing, user_id: Uuid) -> Result<String> {
    let row: VaToken = db
        .query_opt("SELECT t FROM vetassist_va_tokens AS t WHERE user_id = $1", &[&user_id])
        .await?
        .ok_or("there is no such user")?
        .get(0);
    Ok(ring.user(row.user_id).open_token(&row.access_token_encrypted)?)
}

/// Refreshes the tokens that are due. Each statement is a transaction of its own: a lease is committed before VA.gov is asked,
/// and other workers get other tokens. An exchange begins as soon as its lease is taken: after the lease, another worker would
/// present the same token.
async fn refresh_due(db: &Client, ring: &KeyRing, command: &str) -> Result<usize> {
    const CLAIM: &str =
        "SELECT user_id, lease_id, refresh_token FROM vetassist_claim_refreshes_sealed(max_rows => 1)";
    const FINISH: &str = "SELECT vetassist_finish_refresh_sealed($1, $2, $3, $4, scope => $5)";
    let mut renewed = 0;
    loop {
        let leases = db.query(CLAIM, &[]).await?;
        if leases.is_empty() {
            return Ok(renewed);
        }
        for lease in leases {
            let (user, lease_id): (Uuid, Uuid) = (lease.get(0), lease.get(1));
            let mut keys = ring.user(user);
            let token = keys.open_token(&lease.get::<_, Sealed>(2));
            match token.map_err(|_| "unopenable".to_owned()).and_then(|token| ask(command, &token))
            {
                Ok(response) => {
                    let access = Sealed::try_from(keys.seal_token(&response.access_token)?)?;
                    let refresh = response.refresh_token.map(|token| keys.seal_token(&token));
                    let refresh = refresh.transpose()?.map(Sealed::try_from).transpose()?;
                    let lives = Duration::seconds(response.expires_in);
                    let expires_at = Timestamp::try_from(OffsetDateTime::now_utc() + lives)?;
                    let outcome = db
                        .query_one(
                            FINISH,
                            &[&lease_id, &access, &expires_at, &refresh, &response.scope],
                        )
                        .await?;
                    renewed += usize::from(outcome.get::<_, &str>(0) == "stored");
                }
                Err(code) => {
                    let is_final = code == "invalid_grant";
                    db.query(
                        "SELECT * FROM vetassist_fail_refresh($1, $2, $3)",
                        &[&lease_id, &code, &is_final],
                    )
                    .await?;
                }
            }
        }
    }
}

/// Exchanges a refresh token, or returns the error code of VA.gov.
fn ask(command: &str, token: &str) -> std::result::Result<Response, String> {
    let run = || {
        let mut child = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            match stdin.write_all(token.as_bytes()) {
                // The command answered without reading its input.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                written => written?,
            }
        }
        child.wait_with_output()
    };
    let output = run().map_err(|_: io::Error| "other")?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let refusal = serde_json::from_slice(&output.stdout);
        refusal.map_or_else(|_| "other".to_owned(), |refusal: Refusal| refusal.error)
    })
}

/// Seals the tokens that the ring's first key did not seal again, page by page. A row that is locked or has changed is read
/// again, until none is left.
async fn rotate(db: &Client, ring: KeyRing) -> Result<usize> {
    let mut session = RingSession::new(ring);
    let (mut count, mut after, mut left_out) = (0, None::<Uuid>, 0);
    loop {
        let page = "SELECT * FROM vetassist_sealed_page($1, 500)";
        let page = db.query(page, &[&after]).await?;
        let mut users: Vec<Uuid> = Vec::new();
        let mut values: [Vec<Option<Vec<u8>>>; 4] = Default::default();
        for row in &page {
            let user: Uuid = row.get(0);
            let old: [Option<Vec<u8>>; 2] = [row.get(1), row.get(2)];
            let [access, refresh] = [&old[0], &old[1]].map(|old| old.as_deref());
            let new =
                [resealed(&mut session, user, access)?, resealed(&mut session, user, refresh)?];
            if new != old {
                users.push(user);
                let [[old_access, old_refresh], [new_access, new_refresh]] = [old, new];
                let row = [old_access, new_access, old_refresh, new_refresh];
                values.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
            }
        }
        let [old_access, new_access, old_refresh, new_refresh] = &values;
        let reseal = "SELECT vetassist_reseal_page($1, $2, $3, $4, $5)";
        let done = db
            .query(reseal, &[&users, old_access, new_access, old_refresh, new_refresh])
            .await?
            .len();
        count += done;
        left_out += users.len() - done;
        after = page.last().map(|row| row.get(0));
        if page.is_empty() {
            if left_out == 0 {
                return Ok(count);
            }
            left_out = 0;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

/// Returns a token under the first key. Returns it unchanged if the first key sealed it, or if no key opens it.
fn resealed(
    session: &mut RingSession,
    user: Uuid,
    sealed: Option<&[u8]>,
) -> Result<Option<Vec<u8>>> {
    let Some(sealed) = sealed else { return Ok(None) };
    let mut resealed = vec![0; sealed.len()];
    // This process never forks.
    let outcome = session.reseal_token_into(user, sealed, &mut resealed, 0)?;
    Ok(Some(if outcome == Reseal::Resealed { resealed } else { sealed.to_vec() }))
}
