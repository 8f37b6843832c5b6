//! Tokens that were given, as the desk stores them, and when they are renewed.
use super::Known;
use crate::registration::resource_of;
use desk::mailboxes::grant::NewTokens;
use wire::oauth::TokenSet;

/// A token set as the desk stores it. `asked_at` is before the request: the life counts from then.
pub(crate) fn new_tokens(set: TokenSet, scope: &str, asked_at: i64) -> NewTokens {
    let life_ms = set.expires_in_s.max(1).saturating_mul(1000);
    let access_expires_at = asked_at.saturating_add(life_ms);
    NewTokens {
        resource: resource_of(scope),
        access_token: set.access_token,
        access_expires_at,
        scopes: set.scope.unwrap_or_else(|| scope.to_owned()),
        refresh_token: set.refresh_token,
        refresh_due_at: access_expires_at.saturating_sub(ahead_ms(life_ms)),
    }
}

/// How long before its end a token is refreshed: a tenth of its life, at least five minutes, but never more than
/// half of a short life, or it would be refreshed without end.
fn ahead_ms(life_ms: i64) -> i64 {
    (life_ms / 10).max(5 * 60_000).min(life_ms / 2)
}

/// The same of a grant's next token, of whichever resource. The grant is due when what it is kept alive for is, or sooner.
pub(super) fn of_another(known: &Known, set: TokenSet, asked_at: i64) -> NewTokens {
    let mut tokens = new_tokens(set, &known.scope, asked_at);
    let own_due = known.grant.refresh_due_at.filter(|due_at| *due_at > asked_at);
    if let Some(own_due) = own_due.filter(|_| known.is_of_another_resource()) {
        tokens.refresh_due_at = tokens.refresh_due_at.min(own_due);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::ahead_ms;

    #[test]
    fn a_token_is_refreshed_ahead_of_its_end_and_a_short_one_not_without_end() {
        let (second, minute, hour) = (1_000, 60_000, 3_600_000);
        for (life_ms, expected) in [
            (24 * hour, 144 * minute),
            (hour, 6 * minute),
            (20 * minute, 5 * minute),
            (6 * minute, 3 * minute),
            (30 * second, 15 * second),
        ] {
            assert_eq!(ahead_ms(life_ms), expected, "{life_ms}");
        }
    }
}
