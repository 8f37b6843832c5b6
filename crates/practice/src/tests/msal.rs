//! Held to an independent client: Microsoft's MSAL for Python signs in by code, refresh, certificate, by itself
//! and by device code, over TLS as it insists. It runs where POSTERN_TEST_MSAL names a Python that has it.

use std::process::Stdio;

use super::signing::{FIRST, SECOND};
use super::{CALLBACK, SUPPORT};
use crate::Options;

#[tokio::test(flavor = "multi_thread")]
async fn msal_for_python_signs_in_in_every_way() {
    let Some(python) = std::env::var_os("POSTERN_TEST_MSAL") else {
        eprintln!("left out: POSTERN_TEST_MSAL names no Python with MSAL");
        return;
    };
    let practice = crate::start(Options::loopback([4; 32])).await.unwrap();
    let web = practice.register("Postern", CALLBACK);
    practice.allow_app_only(&web.client_id);
    practice.upload_certificate(&web.client_id, FIRST).unwrap();
    practice.upload_certificate(&web.client_id, SECOND).unwrap();
    let device = practice.register("Postern on a device", CALLBACK);
    practice
        .world
        .directory
        .change(|records| records.app_mut(&device.client_id).unwrap().redirect_uris.clear());
    practice.allow_public_client(&device.client_id);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let given = serde_json::json!({
        "authority": format!("{}/{}", practice.https_url, practice.tenant_id()),
        "client_id": web.client_id,
        "secret": web.client_secret,
        "device_client_id": device.client_id,
        "callback": CALLBACK,
        "account": SUPPORT,
        "ca": write("ca.pem", practice.ca_pem.as_bytes()),
        "key": include_str!("../../keys/practice-rsa.pem"),
        "certificates": [pem(FIRST), pem(SECOND)],
    });
    let script = write("signs_in.py", include_bytes!("msal_signs_in.py"));
    let given = write("given.json", given.to_string().as_bytes());
    let ran = tokio::process::Command::new(python)
        .arg(script)
        .arg(given)
        // A bundle of the environment would win over the one that is handed to MSAL, and so would a proxy.
        .env("REQUESTS_CA_BUNDLE", folder.path().join("ca.pem"))
        .env("NO_PROXY", "*")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let ran = tokio::time::timeout(std::time::Duration::from_secs(120), ran).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}{err}");
    for way in ["code", "refresh", "certificate", "app only", "device code"] {
        assert!(out.lines().any(|line| line == format!("ok: {way}")), "{way} is missing in {out}");
    }
}

fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
