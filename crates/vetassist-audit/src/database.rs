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
use vetassist_core::audit_log::{Hash, Salt};

use crate::log::{Each, Log, LogError, Pending, Shown, ShownEntry};

/// A connection, and the schema that the functions are in.
pub struct Database {
    client: Client,
    schema: String,
}

impl Database {
    /// Connects.
    ///
    /// With a certificate authority, the connection is encrypted and the server's certificate and name are verified.
    /// Without one, `sslmode` decides as it does for libpq: by default the connection is encrypted if the server
    /// can, and the certificate is not verified.
    ///
    /// # Errors
    /// If the server can't be reached, or refuses.
    pub fn connect(
        connection: &str,
        schema: &str,
        authority: Option<&Path>,
    ) -> Result<Self, LogError> {
        let mut config: Config = connection.parse().map_err(|_| {
            // The text may hold a password.
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
        let schema = format!("\"{}\"", schema.replace('"', "\"\""));
        Ok(Self { client: client.map_err(|error| failed(&error))?, schema })
    }

    /// Sees the database from now on as it is at this moment, and changes nothing.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn take_snapshot(&mut self) -> Result<(), LogError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.client.batch_execute(begin).map_err(|error| failed(&error))
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("schema", &self.schema).finish_non_exhaustive()
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
    fn checkpoint(&mut self) -> Result<Option<String>, LogError> {
        let query = format!("SELECT {}.vetassist_audit_checkpoint()", self.schema);
        let row = self.client.query_one(&query, &[]).map_err(|error| failed(&error))?;
        row.try_get(0).map_err(|error| failed(&error))
    }

    fn consistency(&mut self, from_size: u64, to_size: u64) -> Result<Vec<Hash>, LogError> {
        let query = format!("SELECT {}.vetassist_audit_consistency($1, $2)", self.schema);
        let (from_size, to_size) = (bigint(from_size)?, bigint(to_size)?);
        let row = self.client.query_one(&query, &[&from_size, &to_size]);
        let proof: Vec<Vec<u8>> =
            row.and_then(|row| row.try_get(0)).map_err(|error| failed(&error))?;
        proof.iter().map(|hash| read_hash(hash)).collect()
    }

    fn entries(&mut self, from_index: u64, max_rows: u32, each: Each<'_>) -> Result<(), LogError> {
        // COPY takes no parameters; these are numbers.
        let copy = format!(
            "COPY (SELECT e.* FROM {}.vetassist_audit_entries({from_index}, {max_rows}) AS e) TO STDOUT (FORMAT binary)",
            self.schema
        );
        let reader = self.client.copy_out(&copy).map_err(|error| failed(&error))?;
        let mut rows = BinaryCopyOutIter::new(reader, &COLUMNS);
        while let Some(row) = rows.next().map_err(|error| failed(&error))? {
            each(shown(&row)?)?;
        }
        Ok(())
    }

    fn note_watch(&mut self, checkpoint: &str) -> Result<(), LogError> {
        let query = format!("SELECT {}.vetassist_note_watch($1)", self.schema);
        self.client.execute(&query, &[&checkpoint]).map_err(|error| failed(&error))?;
        Ok(())
    }
}

fn shown(row: &BinaryCopyOutRow) -> Result<Shown, LogError> {
    fn get<'a, T: postgres::types::FromSql<'a>>(
        row: &'a BinaryCopyOutRow,
        column: usize,
    ) -> Result<T, LogError> {
        row.try_get(column).map_err(|error| failed(&error))
    }
    let kind = get::<Option<String>>(row, 1)?.ok_or_else(|| strange("an entry without a kind"))?;
    let audit_id = get::<Option<i64>>(row, 2)?;
    let Some(entry) = get::<Option<i64>>(row, 0)? else {
        let audit_id = audit_id.ok_or_else(|| strange("a pending change of no row"))?;
        return Ok(Shown::Pending(Pending { kind, audit_id }));
    };
    let salt = |column| -> Result<Option<Salt>, LogError> {
        let bytes = get::<Option<&[u8]>>(row, column)?;
        bytes.map(TryInto::try_into).transpose().map_err(|_| strange("a salt of another length"))
    };
    Ok(Shown::Entry(ShownEntry {
        entry: entry.try_into().map_err(|_| strange("a negative index"))?,
        kind,
        audit_id,
        leaf_hash: read_hash(
            get::<Option<&[u8]>>(row, 3)?.ok_or_else(|| strange("an entry without a hash"))?,
        )?,
        data: get(row, 4)?,
        event_data: get(row, 5)?,
        event_data_salt: salt(6)?,
        ip_hash: get(row, 7)?,
        ip_hash_salt: salt(8)?,
    }))
}

fn bigint(size: u64) -> Result<i64, LogError> {
    size.try_into().map_err(|_| strange("a size beyond bigint"))
}

fn read_hash(bytes: &[u8]) -> Result<Hash, LogError> {
    Hash::try_from(bytes).map_err(|_| strange("a hash that is not 32 bytes"))
}

fn strange(what: &str) -> LogError {
    LogError(format!("the database shows {what}"))
}

/// Returns what the server says, with its hint.
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
