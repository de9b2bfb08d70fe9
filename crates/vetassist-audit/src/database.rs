//! The audit log of a PostgreSQL database.

use std::{env, fs, path::Path};

use native_tls::{Certificate, TlsConnector};
use postgres::{
    binary_copy::{BinaryCopyOutIter, BinaryCopyOutRow},
    config::SslMode,
    error::DbError,
    fallible_iterator::FallibleIterator,
    types::Type,
    Client, Config, Error, NoTls,
};
use postgres_native_tls::MakeTlsConnector;
use vetassist_core::audit_log::Hash;

use crate::{
    functions::{bigint, hash, EntryRow, Functions, SNAPSHOT},
    log::{Each, Log, LogError},
};

/// A connection, and the functions.
pub struct Database {
    client: Client,
    functions: Functions,
}

impl Database {
    /// Connects.
    ///
    /// With a certificate authority, the connection is encrypted and the server's certificate and name are verified.
    /// Without one, `sslmode` decides as it does for libpq: by default the connection is encrypted if the server
    /// can, and the certificate is not verified.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses the connection.
    pub fn connect(
        connection: &str,
        schema: &str,
        authority: Option<&Path>,
    ) -> Result<Self, LogError> {
        let mut config: Config = connection.parse().map_err(|_| {
            // The error does not quote the text, because it may contain a password.
            LogError("the connection is neither a URL nor a list of settings".into())
        })?;
        if let (None, Ok(password)) = (config.get_password(), env::var("PGPASSWORD")) {
            config.password(password);
        }
        config.application_name("vetassist-audit");
        let mut tls = TlsConnector::builder();
        match authority {
            Some(path) => {
                let pem = fs::read(path).map_err(|error| {
                    LogError(format!("cannot read {}: {error}", path.display()))
                })?;
                let certificate = Certificate::from_pem(&pem).map_err(|error| {
                    LogError(format!("{} is not a certificate: {error}", path.display()))
                })?;
                tls.disable_built_in_roots(true).add_root_certificate(certificate);
                config.ssl_mode(SslMode::Require);
            }
            None => {
                tls.danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
            }
        }
        let client = if config.get_ssl_mode() == SslMode::Disable {
            config.connect(NoTls)
        } else {
            let connector = tls.build().map_err(|error| LogError(error.to_string()))?;
            config.connect(MakeTlsConnector::new(connector))
        };
        let client = client.map_err(|error| failed(&error))?;
        Ok(Self { client, functions: Functions::of(schema) })
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("functions", &self.functions).finish_non_exhaustive()
    }
}

/// The columns of `vetassist_audit_entries`.
const COLUMNS: [Type; 9] = [
    Type::INT8,
    Type::TEXT,
    Type::INT8,
    Type::BYTEA,
    Type::BYTEA,
    Type::TEXT,
    Type::BYTEA,
    Type::TEXT,
    Type::BYTEA,
];

impl Log for Database {
    fn take_snapshot(&mut self) -> Result<(), LogError> {
        self.client.batch_execute(SNAPSHOT).map_err(|error| failed(&error))
    }

    fn checkpoint(&mut self) -> Result<Option<String>, LogError> {
        let row = self.client.query_one(&self.functions.checkpoint(), &[]);
        row.and_then(|row| row.try_get(0)).map_err(|error| failed(&error))
    }

    fn consistency(&mut self, from_size: u64, to_size: u64) -> Result<Vec<Hash>, LogError> {
        let (from_size, to_size) = (bigint(from_size)?, bigint(to_size)?);
        let rows = self.client.query(&self.functions.consistency(), &[&from_size, &to_size]);
        let rows = rows.map_err(|error| failed(&error))?;
        rows.iter().map(|row| hash(row.try_get(0).map_err(|error| failed(&error))?)).collect()
    }

    fn entries(&mut self, from_index: u64, max_rows: u32, each: Each<'_>) -> Result<(), LogError> {
        let entries = self.functions.entries(from_index, max_rows);
        let copy = format!("COPY ({entries}) TO STDOUT (FORMAT binary)");
        let reader = self.client.copy_out(&copy).map_err(|error| failed(&error))?;
        let mut rows = BinaryCopyOutIter::new(reader, &COLUMNS);
        while let Some(row) = rows.next().map_err(|error| failed(&error))? {
            each(read(&row).map_err(|error| failed(&error))?.try_into()?)?;
        }
        Ok(())
    }

    fn note_watch(&mut self, checkpoint: &str) -> Result<(), LogError> {
        let noted = self.client.execute(&self.functions.note_watch(), &[&checkpoint]);
        noted.map(drop).map_err(|error| failed(&error))
    }
}

fn read(row: &BinaryCopyOutRow) -> Result<EntryRow, Error> {
    Ok(EntryRow {
        entry: row.try_get(0)?,
        kind: row.try_get(1)?,
        audit_id: row.try_get(2)?,
        leaf_hash: row.try_get(3)?,
        data: row.try_get(4)?,
        event_data: row.try_get(5)?,
        event_data_salt: row.try_get(6)?,
        ip_hash: row.try_get(7)?,
        ip_hash_salt: row.try_get(8)?,
    })
}

/// Returns the server's message, with its hint.
fn failed(error: &Error) -> LogError {
    let said = error.as_db_error().map(|said: &DbError| match said.hint() {
        Some(hint) => format!("{} ({}). {hint}", said.message(), said.code().code()),
        None => format!("{} ({})", said.message(), said.code().code()),
    });
    LogError(said.unwrap_or_else(|| {
        let cause = std::error::Error::source(error);
        cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
    }))
}
