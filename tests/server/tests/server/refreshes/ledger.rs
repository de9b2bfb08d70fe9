//! Compares the grants of the provider, the records of the processes and the rows of the database.

use std::collections::{HashMap, HashSet};

/// The shortest first wait after a failure, with jitter, in milliseconds.
const FIRST_BACK_OFF: i64 = 5000 * 8 / 10;
/// The most that a live user's refresh may be late, in milliseconds.
const LATE: i64 = 60_000;

/// The database's record of a user. The refreshes are those since the last sign-in.
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

/// The tokens of one sign-in.
#[derive(Default)]
struct Family {
    /// The code of the sign-in. The first sign-in of a user has none.
    code: Option<String>,
    signed_at: i64,
    first: String,
    given: Vec<Given>,
    reused: usize,
}

impl Family {
    fn newest(&self) -> &str {
        self.given.last().map_or(&self.first, |given| &given.new)
    }

    fn has(&self, token: &str) -> bool {
        self.first == token || self.given.iter().any(|given| given.new == token)
    }
}

#[derive(Default)]
struct Account {
    families: Vec<Family>,
    asked: Vec<i64>,
}

impl Account {
    fn family_of(&mut self, token: &str) -> &mut Family {
        self.families.iter_mut().find(|family| family.has(token)).unwrap()
    }

    fn given(&self) -> impl Iterator<Item = &Given> {
        self.families.iter().flat_map(|family| &family.given)
    }
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
        let account = |first: &String| {
            let family = Family { first: first.clone(), ..Family::default() };
            Account { families: vec![family], asked: Vec::new() }
        };
        let mut accounts: Vec<_> = issued.iter().map(account).collect();
        for line in told {
            let words: Vec<_> = line.split(' ').collect();
            let at = words[1].parse().unwrap();
            let account = &mut accounts[words[2].parse::<usize>().unwrap()];
            match words[0] {
                "asked" => account.asked.push(at),
                "reused" => account.family_of(words[3]).reused += 1,
                "signed" => account.families.push(Family {
                    code: Some(words[3].into()),
                    signed_at: at,
                    first: words[4].into(),
                    ..Family::default()
                }),
                "gave" => account.family_of(words[3]).given.push(Given {
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
    /// grant. No newer grant is overwritten, and no later sign-in.
    pub(super) fn assert_nothing_else_was_lost(&self, stored: &HashMap<usize, Stored>) {
        let (mut given, mut signed, mut lost, mut killed, mut unanswered) = (0, 0, 0, 0, 0);
        for (user, account) in self.accounts.iter().enumerate() {
            given += account.given().count();
            let has = &stored[&user];
            let place = account.families.iter().position(|family| family.has(&has.token));
            let place = place.expect("the provider never gave the stored token");
            for later in &account.families[place + 1..] {
                let is_unfinished =
                    later.code.as_ref().is_some_and(|code| self.unfinished.contains_key(code));
                assert!(is_unfinished, "user {user}: the tokens of a sign-in were overwritten");
            }
            signed += place;
            let family = &account.families[place];
            let missing = i64::try_from(family.given.len()).unwrap() - has.refreshes;
            let is_lost = has.token != family.newest();
            assert_eq!(
                missing,
                i64::from(is_lost),
                "user {user}: the stored tokens are not those of the provider"
            );
            if !is_lost {
                assert_eq!(family.reused, 0, "user {user}: a used token was presented");
                continue;
            }
            lost += 1;
            // The provider refuses all later exchanges of this sign-in.
            let last = family.given.last().unwrap();
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
        println!("{given} exchanges, {signed} sign-ins during one; {lost} grants lost: {killed} by a kill before they were stored, {unanswered} because the response did not arrive");
        assert_eq!(lost, killed + unanswered);
        assert!(given > 100 && signed > 5, "{given} exchanges and {signed} sign-ins are too few");
    }

    /// Asserts that each live user is refreshed in time, whether the token is used or not. All tokens are due during the run, so
    /// nearly all are refreshed, also those that only workers refresh: those of a killed process wait until its lease ends.
    pub(super) fn assert_no_refresh_was_late(
        &self,
        expires: &HashMap<usize, i64>,
        stored: &HashMap<usize, Stored>,
        lifetime: u64,
        ended: u128,
    ) {
        let (lifetime, ended) =
            (1000 * i64::try_from(lifetime).unwrap(), i64::try_from(ended).unwrap());
        let (mut latest, mut live, mut renewed) = (0, [0; 2], [0; 2]);
        for (user, account) in self.accounts.iter().enumerate().filter(|(user, _)| user % 20 > 1) {
            let by_workers = usize::from(user % 10 == 9);
            live[by_workers] += 1;
            renewed[by_workers] += usize::from(account.given().next().is_some());
            // A sign-in has tokens of its own, which are due later.
            let refreshes = account.given().map(|given| (given.at, true));
            let sign_ins = account.families.iter().skip(1).map(|family| (family.signed_at, false));
            let mut changes: Vec<_> = refreshes.chain(sign_ins).collect();
            changes.sort_unstable();
            let mut due = expires[&user];
            for (at, is_refresh) in changes {
                if is_refresh {
                    latest = latest.max(at - due);
                }
                due = at + lifetime;
            }
            let has = &stored[&user].token;
            if account.families.iter().any(|family| family.newest() == has) {
                latest = latest.max(ended - due);
            }
        }
        println!("the latest refresh of a live user was {:.1} s late", latest as f64 / 1000.0);
        assert!(latest <= LATE, "{latest} ms late");
        for (renewed, live) in renewed.iter().zip(live) {
            assert!(10 * renewed >= 9 * live, "only {renewed} of {live} live users were refreshed");
        }
    }

    /// Asserts that a failed exchange is not repeated during the back-off, and that a dead grant is not exchanged again.
    pub(super) fn assert_no_exchange_was_too_early(&self) {
        let (mut tries, mut dead) = (0, 0);
        for (user, account) in self.accounts.iter().enumerate() {
            // A killed process could not record that the exchange failed.
            let untold = self.unfinished.get(&account.families[0].first).copied().unwrap_or(0);
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
                        let had_given = account.given().any(|g| g.at >= pair[0] && g.at <= pair[1]);
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
