//! The way to a mail server: its name, its port, TLS, and what it offers.
use super::authorization::day;
use super::chart::{Broken, Chart, Link};
use crate::Courier;
use crate::clock::DAY_MS;
use crate::connect::Access;
use crate::trouble::{Place, Trouble};
use mail::explain::Class;
use std::time::Duration;
use wire::Security;
use wire::net::{BoxStream, Handshake, Secure as _, Watched};

/// A person waits for it, at each link.
const LIMIT: Duration = Duration::from_secs(45);
/// A certificate that ends sooner is warned of: machines renew theirs thirty days before the end.
const CERTIFICATE_DAYS_MIN: i64 = 21;

/// The link, under TLS where that comes first.
pub(super) async fn reach(
    courier: &Courier,
    access: &Access,
    watched: &Watched<'_>,
    chart: &mut Chart,
) -> Result<BoxStream, Broken> {
    let (net, server, place) = (courier.net(), &access.server, &access.place);
    let addresses = limited(place, net.addresses(server)).await;
    let addresses = addresses.map_err(|trouble| chart.bad(Link::Dns, trouble))?;
    let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    chart.good(Link::Dns, format!("{} is {}.", server.host, names.join(", ")));
    // As many addresses as are tried have their own time-outs.
    let reached = net.reach(server, &addresses).await.map_err(|error| Trouble::of(&error, place));
    let (stream, at) = reached.map_err(|trouble| chart.bad(Link::Tcp, trouble))?;
    chart.good(Link::Tcp, format!("{at} answers."));
    match server.security {
        Security::StartTls => Ok(stream),
        Security::Plain => {
            chart.skipped(Link::Tls, "The link has no TLS, which is allowed to this machine alone.");
            Ok(stream)
        }
        Security::Tls => {
            let secured = limited(place, watched.secure(stream, &server.host)).await;
            let stream = secured.map_err(|trouble| chart.bad(Link::Tls, trouble))?;
            protected(courier, access, watched.handshake(), chart);
            Ok(stream)
        }
    }
}

/// The session that came of the link, or the link at which it broke.
pub(super) fn greeted<S>(
    courier: &Courier,
    access: &Access,
    watched: &Watched<'_>,
    opened: Result<S, Trouble>,
    chart: &mut Chart,
) -> Result<S, Broken> {
    let by_starttls = access.server.security == Security::StartTls;
    if by_starttls && watched.took().is_some() && watched.handshake().is_none() {
        return opened.map_err(|trouble| chart.bad(Link::Tls, trouble));
    }
    if by_starttls {
        protected(courier, access, watched.handshake(), chart);
    }
    opened.map_err(|trouble| chart.bad(Link::Capabilities, trouble))
}

/// Ten years.
const FAR_DAYS: i64 = 3_653;

fn protected(courier: &Courier, access: &Access, handshake: Option<Handshake>, chart: &mut Chart) {
    let Some(handshake) = handshake else { return };
    let host = &access.server.host;
    let left = |at: i64| at.saturating_sub(courier.now()).div_euclid(DAY_MS);
    let until = handshake.ends_at.map(|at| match left(at) {
        1 => format!(", until {} (1 day left)", day(at)),
        // So far ahead the days say nothing.
        days if days > FAR_DAYS => format!(", until {}", day(at)),
        days => format!(", until {} ({days} days left)", day(at)),
    });
    let until = until.unwrap_or_default();
    let found = format!(
        "{} with a certificate for {host} of an authority that is known here{until}.",
        handshake.version
    );
    let soon = handshake.ends_at.is_some_and(|at| left(at) < CERTIFICATE_DAYS_MIN);
    if soon {
        chart.warning(Link::Tls, found, "See that the certificate is renewed on that server in time.");
    } else {
        chart.good(Link::Tls, found);
    }
}

/// What a server does is waited for, but not for ever.
pub(super) async fn limited<T>(
    place: &Place,
    work: impl Future<Output = wire::Result<T>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(LIMIT, work).await {
        Ok(done) => done.map_err(|error| Trouble::of(&error, place)),
        Err(_) => Err(Trouble::new(
            Class::Retry,
            "timeout",
            format!("The server did not answer within {} s.", LIMIT.as_secs()),
            "Check its name and port, then try again.",
        )),
    }
}
