//! What every page stands on: the courier's handle, the site's own address, and the end of the program.
use crate::mailboxes::looked::Looked;
use crate::mailboxes::preset::Presets;
use courier::Courier;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use url::Url;

/// The site as configured. `url` is the only source of links, cookie flags and Origin checks.
#[derive(Clone, Debug)]
pub struct Site {
    pub url: Url,
    /// What people call this desk: shown on the sign-in page and in titles.
    pub name: String,
    /// Forwarded headers count only from these.
    pub trusted_proxies: Vec<IpAddr>,
    /// No round runs: it was started with `--hold-mail`.
    pub mail_is_held: bool,
}

/// A handle; clones share everything.
#[derive(Clone)]
pub struct State {
    pub courier: Courier,
    pub site: Arc<Site>,
    /// Live connections end when this turns true, so that the program can.
    pub shutdown: watch::Receiver<bool>,
    /// What the choice of a provider fills in, and where its guide leads.
    pub(crate) presets: Arc<Presets>,
    /// When each session was last noted as used, so that not every request writes.
    touched: Arc<Mutex<HashMap<i64, i64>>>,
    /// Held while a sign-in is judged and counted: PostgreSQL lets two transactions judge side by side.
    pub(crate) sign_ins: Arc<tokio::sync::Mutex<()>>,
    pub(crate) hashing: crate::password::Turns,
    /// What the Mailbox Doctor found.
    pub(crate) examined: Looked<courier::doctor::Examination>,
    /// Dry runs.
    pub(crate) rehearsed: Looked<crate::mailboxes::dry_run::Rehearsal>,
    /// The folders that servers offer.
    pub(crate) offered: Looked<courier::probe::folders::Offer>,
    /// What Microsoft tells of new mail.
    pub(crate) hearing: Arc<crate::notifications::Hearing>,
    /// The live streams that are open.
    pub(crate) seats: Arc<crate::live::Seats>,
    /// Letters already made safe.
    pub(crate) letters: Arc<crate::letters::Letters>,
}

/// A session is noted as used at most this often.
const TOUCH_MS: i64 = 5 * 60 * 1000;
/// Past this many the memory of touches starts afresh.
const TOUCHED_MAX: usize = 10_000;

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("site", &self.site).finish_non_exhaustive()
    }
}

impl State {
    pub fn new(courier: Courier, site: Site, shutdown: watch::Receiver<bool>) -> State {
        let presets = Arc::new(Presets::new(courier.desk().providers.clone()));
        State {
            courier,
            site: Arc::new(site),
            shutdown,
            presets,
            touched: Arc::default(),
            sign_ins: Arc::default(),
            hashing: crate::password::Turns::default(),
            examined: Default::default(),
            rehearsed: Default::default(),
            offered: Default::default(),
            hearing: Arc::default(),
            seats: Arc::default(),
            letters: Arc::default(),
        }
    }
    /// The program runs under the demo mark, with a pretend provider on this machine.
    pub fn practice(&self) -> bool {
        self.courier.practice()
    }
    /// Cookies carry `Secure` and the `__Host-` prefix, and HSTS is sent.
    pub fn is_https(&self) -> bool {
        self.site.url.scheme() == "https"
    }
    /// Notes that a session is used.
    pub(crate) async fn touch(&self, who: &crate::session::Who) -> Result<(), crate::Error> {
        let (id, now) = (who.session.id, who.now());
        {
            let mut touched = self.touched.lock().unwrap_or_else(PoisonError::into_inner);
            if touched.get(&id).is_some_and(|at| now - at < TOUCH_MS) {
                return Ok(());
            }
            if touched.len() >= TOUCHED_MAX {
                touched.clear();
            }
            touched.insert(id, now);
        }
        Ok(self.courier.write(move |tx| desk::people::session::touch(tx, id, now)).await?)
    }
}
