//! Compares the grants of the provider, the records of the processes and the rows of the database.

use std::collections::{HashMap, HashSet};

/// The shortest first wait after a failure, with jitter, in milliseconds.
const FIRST_BACK_OFF: i64 = 5000 * 8 / 10;
/// The most that a live user's refresh may be late, in milliseconds.
const LATE: i64 = 60_000;

/// The database's record of a user.
pub(super) struct Stored {
    pub(super) token: String,
    pub(super) refreshes: i64,
}

/// An exchange that gave new tokens.
struct Given {
    at: i64,
    old: String,
    new: String,
    was_lost: bool,
}

#[derive(Default)]
struct Account {
    first: String,
    asked: Vec<i64>,
    given: Vec<Given>,
    reused: usize,
}

pub(super) struct Ledger {
    accounts: Vec<Account>,
    /// The number of exchanges with a token whose process ended before the database knew the outcome.
    unfinished: HashMap<String, usize>,
    /// Tokens whose exchange took longer than a process waits.
    late: HashSet<String>,
}

impl Ledger {
    pub(super) fn of(issued: &[String], told: &[String], journals: &[String]) -> Self {
        let account = |first: &String| Account { first: first.clone(), ..Account::default() };
        let mut accounts: Vec<_> = issued.iter().map(account).collect();
        for line in told {
            let words: Vec<_> = line.split(' ').collect();
            let at = words[1].parse().unwrap();
            let account = &mut accounts[words[2].parse::<usize>().unwrap()];
            match words[0] {
                "asked" => account.asked.push(at),
                "reused" => account.reused += 1,
                "gave" => account.given.push(Given {
                    at,
                    old: words[3].into(),
                    new: words[4].into(),
                    was_lost: words[5] == "lost",
                }),
                _ => panic!("{line}"),
            }
        }
        let (mut unfinished, mut late) = (HashMap::<String, usize>::new(), HashSet::new());
        for line in journals.iter().flat_map(|journal| journal.lines()) {
            // A process may be killed while it writes the last line.
            let Some((what, token)) = line.split_once(' ') else { continue };
            match what {
                "ask" => *unfinished.entry(token.into()).or_default() += 1,
                "end" => *unfinished.get_mut(token).unwrap() -= 1,
                "late" => drop(late.insert(token.into())),
                _ => {}
            }
        }
        unfinished.retain(|_, times| *times > 0);
        Self { accounts, unfinished, late }
    }

    /// Asserts that every grant is stored, except if the response did not arrive or the process was killed before it stored the
    /// grant. No newer grant is overwritten.
    pub(super) fn assert_nothing_else_was_lost(&self, stored: &HashMap<usize, Stored>) {
        let (mut given, mut lost, mut killed, mut unanswered) = (0, 0, 0, 0);
        for (user, account) in self.accounts.iter().enumerate() {
            given += account.given.len();
            let newest = account.given.last().map_or(&account.first, |given| &given.new);
            let has = &stored[&user];
            let missing = i64::try_from(account.given.len()).unwrap() - has.refreshes;
            let is_lost = has.token != *newest;
            assert_eq!(
                missing,
                i64::from(is_lost),
                "user {user}: the stored tokens are not those of the provider"
            );
            if !is_lost {
                assert_eq!(account.reused, 0, "user {user}: a used token was presented");
                continue;
            }
            lost += 1;
            // The provider refuses all later exchanges of this user.
            let last = account.given.last().unwrap();
            assert_eq!(
                has.token, last.old,
                "user {user}: the stored token is not the one before the last"
            );
            if last.was_lost || self.late.contains(&last.old) {
                unanswered += 1;
            } else {
                assert!(
                    self.unfinished.contains_key(&last.old),
                    "user {user}: a grant was lost without a kill"
                );
                killed += 1;
            }
        }
        println!("{given} exchanges; {lost} grants lost: {killed} by a kill before they were stored, {unanswered} because the response did not arrive");
        assert_eq!(lost, killed + unanswered);
        assert!(given > 100, "{given} exchanges are too few");
    }

    /// Asserts that each live user is refreshed in time, whether the token is used or not.
    pub(super) fn assert_no_refresh_was_late(
        &self,
        expires: &HashMap<usize, i64>,
        stored: &HashMap<usize, Stored>,
        lifetime: u64,
        ended: u128,
    ) {
        let (lifetime, ended) =
            (1000 * i64::try_from(lifetime).unwrap(), i64::try_from(ended).unwrap());
        let mut latest = 0;
        for (user, account) in self.accounts.iter().enumerate().filter(|(user, _)| user % 20 > 1) {
            let mut due = expires[&user];
            for given in &account.given {
                latest = latest.max(given.at - due);
                due = given.at + lifetime;
            }
            let newest = account.given.last().map_or(&account.first, |given| &given.new);
            if stored[&user].token == *newest {
                latest = latest.max(ended - due);
            }
        }
        println!("the latest refresh of a live user was {:.1} s late", latest as f64 / 1000.0);
        assert!(latest <= LATE, "{latest} ms late");
    }

    /// Asserts that a failed exchange is not repeated during the back-off, and that a dead grant is not exchanged again.
    pub(super) fn assert_no_exchange_was_too_early(&self) {
        let (mut tries, mut dead) = (0, 0);
        for (user, account) in self.accounts.iter().enumerate() {
            // A killed process could not record that the exchange failed.
            let untold = self.unfinished.get(&account.first).copied().unwrap_or(0);
            match user % 20 {
                0 => {
                    for (number, pair) in account.asked.windows(2).enumerate() {
                        let doubled = number.saturating_sub(untold).min(8) as u32;
                        let least = FIRST_BACK_OFF * 2_i64.pow(doubled);
                        let waited = pair[1] - pair[0];
                        assert!(
                            waited >= least,
                            "user {user}: exchanged after {waited} ms, before {least} ms"
                        );
                    }
                    tries += account.asked.len();
                }
                1 => {
                    let asked = account.asked.len();
                    assert!(asked <= 1 + untold, "user {user}: exchanged {asked} times");
                    dead += asked.min(1);
                }
                _ => {
                    for pair in account.asked.windows(2) {
                        let had_given =
                            account.given.iter().any(|g| g.at >= pair[0] && g.at <= pair[1]);
                        let waited = pair[1] - pair[0];
                        assert!(had_given || waited >= FIRST_BACK_OFF, "user {user}: {waited} ms");
                    }
                }
            }
        }
        let of_each = self.accounts.len() / 20;
        assert!(tries > of_each, "{tries} exchanges: failed exchanges were not repeated");
        assert!(dead > of_each / 2, "{dead} of {of_each} dead grants were exchanged");
    }
}
