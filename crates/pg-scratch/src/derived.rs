//! Servers that are made from another server: standbys and upgraded servers.

use std::fs;

use anyhow::{ensure, Result};

use crate::{cluster::Cluster, process::quote, scratch::Scratch, server_user::run_as_server_user};

impl Cluster {
    /// Creates a standby of another server from a base backup, and starts it.
    ///
    /// # Errors
    /// If the backup cannot be taken or the standby does not start.
    pub fn standby_of(scratch: &Scratch, primary: &Self) -> Result<Self> {
        let mut cluster = Self::new_in(scratch)?;
        cluster.set_environment(primary.environment());
        let backup = primary.client("pg_basebackup");
        let words: Vec<_> =
            std::iter::once(backup.get_program()).chain(backup.get_args()).map(quote).collect();
        let data = quote(cluster.data());
        let backup = words.join(" ");
        run_as_server_user(&format!("{backup} -R -X stream -c fast --no-sync -D {data}"))?;
        cluster.configure(&[])?;
        cluster.start_server()?;
        Ok(cluster)
    }

    /// Upgrades this stopped server to a newer version with `pg_upgrade`, and starts the new server.
    ///
    /// # Errors
    /// If `pg_upgrade` fails, or the new server does not start.
    pub fn upgraded(&self, newer: &Scratch, mode: &str) -> Result<Self> {
        let mut cluster = Self::new_in(newer)?;
        cluster.set_environment(self.environment());
        cluster.initdb(&cluster.data())?;
        let program = quote(newer.postgres().program("pg_upgrade"));
        let (old, new) = (quote(&self.postgres().bin), quote(&newer.postgres().bin));
        let (from, to) = (quote(self.data()), quote(cluster.data()));
        let here = quote(cluster.socket_dir());
        // pg_upgrade writes into the current folder, and the paths of its sockets must be short.
        let said = run_as_server_user(&format!(
            "cd {here} && {program} {mode} -U postgres -b {old} -B {new} -d {from} -D {to} -s {here} > pg_upgrade.log 2>&1 || {{ cat pg_upgrade.log; grep -h . {to}/pg_upgrade_output.d/*/*.txt {to}/pg_upgrade_output.d/*/log/*.log | grep -i -A3 error; echo failed; }}"
        ))?;
        ensure!(!said.trim_end().ends_with("failed"), said);
        cluster.configure(&[])?;
        // pg_upgrade does not copy the settings of ALTER SYSTEM.
        let [from, to] = [self, &cluster].map(|one| one.data().join("postgresql.auto.conf"));
        fs::copy(from, to)?;
        cluster.start_server()?;
        Ok(cluster)
    }
}
