//! Findings: the results of a verification.

use std::{collections::BTreeMap, fmt};

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The log was tampered with, or is damaged.
    Problem,
    /// The log itself discloses a change. It cannot show whether the change was due.
    Disclosed,
    /// The given files do not suffice to decide.
    CannotTell,
}

/// The kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Class {
    /// A row or an entry differs from what was sealed.
    Changed,
    /// A row is gone, and no purge records it.
    Missing,
    /// `event_data` or `ip_hash` of a row is gone, and no erasure records it.
    ErasedInSilence,
    /// An id was sealed twice.
    IdReused,
    /// A recorded erasure is impossible, or did not erase.
    FalseErasure,
    /// A recorded rehash is impossible.
    FalseRehash,
    /// A recorded purge is impossible, or did not delete.
    FalsePurge,
    /// A restart that is not the first entry.
    FalseRestart,
    /// Rows were purged before the end of the retention.
    BelowRetention,
    /// The root of the entries differs from the root that the export states.
    OtherRoot,
    /// The entries differ from those of a signed checkpoint.
    Rewritten,
    /// The log has fewer entries than a signed checkpoint.
    RolledBack,
    /// A signed checkpoint belongs to another log.
    OtherLog,
    /// A signed checkpoint is refused.
    BadNote,
    /// Rows were erased with their user.
    Erasure,
    /// The address hash of a row became keyed.
    Rehash,
    /// Rows were purged because of their age.
    Purge,
    /// The log follows another.
    Restart,
    /// The time of a row does not fit the time of its seal.
    Misdated,
    /// No `user_erased` event of the erased user is in the log.
    ErasureWithoutEvent,
    /// No watcher saw the time of a purge, so its retention cannot be verified.
    RetentionUnknown,
    /// No signed checkpoint covers these entries, so they may have been rewritten.
    Unwatched,
}

impl Class {
    /// Returns the severity of findings of this class.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::Changed
            | Self::Missing
            | Self::ErasedInSilence
            | Self::IdReused
            | Self::FalseErasure
            | Self::FalseRehash
            | Self::FalsePurge
            | Self::FalseRestart
            | Self::BelowRetention
            | Self::OtherRoot
            | Self::Rewritten
            | Self::RolledBack
            | Self::OtherLog
            | Self::BadNote => Severity::Problem,
            Self::Erasure | Self::Rehash | Self::Purge | Self::Restart | Self::Misdated => {
                Severity::Disclosed
            }
            Self::ErasureWithoutEvent | Self::RetentionUnknown | Self::Unwatched => {
                Severity::CannotTell
            }
        }
    }

    /// Returns the class's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::ErasedInSilence => "erased_in_silence",
            Self::IdReused => "id_reused",
            Self::FalseErasure => "false_erasure",
            Self::FalseRehash => "false_rehash",
            Self::FalsePurge => "false_purge",
            Self::FalseRestart => "false_restart",
            Self::BelowRetention => "below_retention",
            Self::OtherRoot => "other_root",
            Self::Rewritten => "rewritten",
            Self::RolledBack => "rolled_back",
            Self::OtherLog => "other_log",
            Self::BadNote => "bad_note",
            Self::Erasure => "erasure",
            Self::Rehash => "rehash",
            Self::Purge => "purge",
            Self::Restart => "restart",
            Self::Misdated => "misdated",
            Self::ErasureWithoutEvent => "erasure_without_event",
            Self::RetentionUnknown => "retention_unknown",
            Self::Unwatched => "unwatched",
        }
    }
}

/// A finding of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its kind.
    pub class: Class,
    /// The entry that it is about.
    pub entry: Option<u64>,
    /// The row that it is about.
    pub audit_id: Option<i64>,
    /// The details in words. They never contain a value of a row.
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.class.severity() {
            Severity::Problem => "problem",
            Severity::Disclosed => "disclosed",
            Severity::CannotTell => "cannot tell",
        };
        write!(f, "{severity}: {}", self.class.name())?;
        if let Some(entry) = self.entry {
            write!(f, ", entry {entry}")?;
        }
        if let Some(id) = self.audit_id {
            write!(f, ", row {id}")?;
        }
        write!(f, ": {}", self.detail)
    }
}

/// The counts of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The number of entries of the log.
    pub entries: u64,
    /// The number of rows that still exist.
    pub rows: u64,
    /// The number of changes that are not in the log yet.
    pub pending: u64,
    /// The number of entries that the largest verified checkpoint covers.
    pub covered: u64,
    /// The number of findings of each class.
    pub findings: BTreeMap<Class, u64>,
}

impl Summary {
    /// Returns true if there is no problem.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.findings.keys().all(|class| class.severity() != Severity::Problem)
    }
}
