//! Which step of a registration an error is about.
use super::entra;
use super::place::Place;

/// What of a registration an error is about, as the guide has its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The Callback Endpoint.
    Callback,
    /// The secret or the certificate.
    Secret,
    /// The permissions, and the consent to them.
    Permissions,
}

/// Which step of the registration is not done, by the code that a failed sign-in or refresh is kept with: a number of
/// Microsoft's, or an OAuth `error`.
#[must_use]
pub fn part(code: &str) -> Option<Part> {
    let number = code.strip_prefix("AADSTS").and_then(|number| number.parse().ok());
    match number.and_then(entra::row_of).map(|row| row.place) {
        Some(Place::AppAuthentication) => Some(Part::Callback),
        Some(Place::AppSecrets) => Some(Part::Secret),
        Some(Place::AppPermissions | Place::EnterprisePermissions) => Some(Part::Permissions),
        Some(_) => None,
        None => match code {
            "redirect_uri_mismatch" => Some(Part::Callback),
            "invalid_client" => Some(Part::Secret),
            "invalid_scope" | "scope_missing" => Some(Part::Permissions),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_tells_which_step_of_the_registration_is_not_done() {
        for (code, expected) in [
            ("AADSTS50011", Some(Part::Callback)),
            ("redirect_uri_mismatch", Some(Part::Callback)),
            ("AADSTS7000215", Some(Part::Secret)),
            ("AADSTS7000222", Some(Part::Secret)),
            ("invalid_client", Some(Part::Secret)),
            ("AADSTS65001", Some(Part::Permissions)),
            ("AADSTS50173", None),
            ("AADSTS999999999", None),
            ("535", None),
            ("", None),
        ] {
            assert_eq!(part(code), expected, "{code}");
        }
    }
}
