//! A certificate that stands in place of a secret: an RSA key that is made here and never leaves, and its public half,
//! signed with itself, for the provider's portal.
use crate::clock::DAY_MS;
use crate::{Courier, Random};
use anyhow::Context as _;
use desk::Desk;
use desk::mailboxes::client::certificate::{self, For, NewCertificate};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256};
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use secrecy::SecretString;

/// Enough for well past the life of a certificate, and taken by every provider.
const KEY_BITS: usize = 3072;
/// Long enough that rolling over is seldom, short enough that it is not forgotten how.
const LIFE_DAYS: i64 = 730;

/// Makes one and stores it: the first is in use at once, a second one waits.
pub async fn make(courier: &Courier, by: &desk::By, asked: For, name: &str) -> desk::Result<()> {
    let (desk, random, by) = (courier.desk().clone(), courier.chance(), by.clone());
    let name = name.to_owned();
    let making = tokio::task::spawn_blocking(move || make_here(&desk, &random, &by, asked, &name));
    making.await.map_err(|error| anyhow::anyhow!("making a certificate ended early: {error}"))?
}

/// The same on a thread that may wait.
pub fn make_here(desk: &Desk, random: &Random, by: &desk::By, asked: For, name: &str) -> desk::Result<()> {
    if desk.db.read(|tx| certificate::waiting(tx, asked.client_id))?.is_some() {
        return Err(certificate::second());
    }
    let new = new_certificate(random, name, by.at)?;
    let nonce = random.bytes();
    desk.db.write(|tx| certificate::add(tx, &desk.vault, by, asked, &new, nonce))?;
    Ok(())
}

/// For the registration of this name, which may be empty. Takes a second of computing.
pub fn new_certificate(random: &Random, name: &str, now: i64) -> anyhow::Result<NewCertificate> {
    let key = rsa::PrivateKey::new(&mut random.generator(), KEY_BITS).context("no RSA key could be made")?;
    let pem = key.to_pkcs8_pem(LineEnding::LF).context("the RSA key could not be written down")?;
    let pair =
        KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &PKCS_RSA_SHA256).context("the RSA key is not taken")?;
    let mut params = CertificateParams::new(Vec::new()).context("the certificate could not be described")?;
    let common_name = if name.is_empty() { "Postern".to_owned() } else { format!("Postern {name}") };
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let (begins_at, not_after) = (start_of_day(now - DAY_MS), start_of_day(now + LIFE_DAYS * DAY_MS));
    let [begins, ends] = [date(begins_at)?, date(not_after)?];
    params.not_before = rcgen::date_time_ymd(begins.0, begins.1, begins.2);
    params.not_after = rcgen::date_time_ymd(ends.0, ends.1, ends.2);
    let der = params.self_signed(&pair).context("the certificate could not be signed")?.der().to_vec();
    Ok(NewCertificate { der, private_key: SecretString::from(pem.as_str()), not_after })
}

fn start_of_day(at: i64) -> i64 {
    at - at.rem_euclid(DAY_MS)
}

fn date(at: i64) -> anyhow::Result<(i32, u8, u8)> {
    let day = TimeZone::UTC.to_datetime(Timestamp::from_millisecond(at)?).date();
    Ok((i32::from(day.year()), u8::try_from(day.month())?, u8::try_from(day.day())?))
}
