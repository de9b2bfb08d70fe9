//! Seals one user's tokens again under the current key of the ring, with the rows of vetassist-core on sqlx.
//!
//! sqlx does not know these types: PostgreSQL converts a row to JSON and JSON to a row, and serde reads and
//! writes this JSON. `DATABASE_URL` names the database, `VETASSIST_KEYS` the key file.
//!
//! ```text
//! example-rust-sqlx USER_ID   prints the position in the ring, from 1, of the key that had sealed the access token
//! ```

use std::{env, error::Error, fs, process::ExitCode};

use sqlx::{postgres::PgConnection, types::Json, Connection};
use uuid::Uuid;
use vetassist_core::{KeyRing, Sealed, UserRing, VaToken, OVERHEAD};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(position) => {
            println!("{position}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<usize> {
    let user_id: Uuid = env::args().nth(1).ok_or("whose tokens? USER_ID is missing")?.parse()?;
    let ring = KeyRing::parse(&fs::read(env::var("VETASSIST_KEYS")?)?)?;
    let mut keys = ring.user(user_id);
    let mut db = PgConnection::connect(&env::var("DATABASE_URL")?).await?;

    loop {
        let Json(old): Json<VaToken> = sqlx::query_scalar(
            "SELECT to_jsonb(t) FROM vetassist_va_tokens AS t WHERE user_id = $1",
        )
        .bind(user_id)
        .fetch_one(&mut db)
        .await?;
        let mut new = old.clone();
        let position = seal_again(&mut keys, &mut new.access_token_encrypted)?;
        if let Some(token) = &mut new.refresh_token_encrypted {
            seal_again(&mut keys, token)?;
        }
        // vetassist_reseal compares and replaces, so no lock is held meanwhile. Unlike an UPDATE, it keeps the leases and
        // delays of these tokens.
        let bytes = |sealed: &Option<Sealed>| sealed.as_ref().map(|it| it.as_bytes().to_vec());
        let is_done: bool = sqlx::query_scalar("SELECT vetassist_reseal($1, $2, $3, $4, $5)")
            .bind(user_id)
            .bind(old.access_token_encrypted.as_bytes())
            .bind(new.access_token_encrypted.as_bytes())
            .bind(bytes(&old.refresh_token_encrypted))
            .bind(bytes(&new.refresh_token_encrypted))
            .fetch_one(&mut db)
            .await?;
        if is_done {
            return Ok(position + 1);
        }
    }
}

/// Opens a token with the key that opens it, seals it under the current key, and returns the position of the first.
fn seal_again(keys: &mut UserRing<'_>, sealed: &mut Sealed) -> Result<usize> {
    let mut token = vec![0; sealed.as_bytes().len() - OVERHEAD];
    let position = keys.open_token_into(sealed.as_bytes(), &mut token)?;
    *sealed = keys.seal_token(std::str::from_utf8(&token)?)?.try_into()?;
    Ok(position)
}
