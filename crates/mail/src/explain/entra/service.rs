//! Microsoft's service itself: what passes, and requests that it found wrong.

use super::{Place, Row, Rows};

pub(super) const ROWS: Rows = rows! {
    50000, 50033, 70012, 90006, 90012, 90024, 90033, 90090, 90091 => Retry, Health,
        "Microsoft's sign-in service has a temporary fault.",
        "Nothing to do: Postern tries again by itself. If it lasts, look at the state of the service.";
    40010 => Retry, Health,
        "The organization's own sign-in service has a temporary fault.",
        "Nothing to do: Postern tries again by itself. If it lasts, ask the organization's identity team.";
    50087, 50088 => Retry, Health,
        "Microsoft's service for second factors has a fault or is at its limit.",
        "Nothing to do now: Postern tries again by itself. If a person was signing in, sign in again later.";
    90055 => Retry, Nowhere,
        "Microsoft limits how much is asked of this tenant.",
        "Nothing to do: Postern waits, and tries again by itself.";
    50196 => Retry, Nowhere,
        "Microsoft says that the same question was asked too often.",
        "Nothing to do now: Postern waits, and tries again by itself. If it lasts, report it with the correlation id.";
    70016 => Retry, Browser,
        "The person has not finished signing in.",
        "Finish the sign-in: type the code that Postern shows.";
    54005 => Defect, Registration,
        "The code of this sign-in was already used.",
        "If the mailbox is not authorized, authorize it again; if it happens twice, report it with the correlation id.";
    50147, 501491 => Defect, Registration,
        "The one-time proof that Postern sent with the sign-in has a wrong size.",
        "Authorize it again; if it happens twice, report it with the correlation id.";
    501481 => Defect, Registration,
        "The one-time proof of this sign-in does not fit, as when it was begun in two tabs.",
        "Close the other tabs and authorize it again; if it happens twice, report it with the correlation id.";
    700005 => Defect, Registration,
        "The code was asked of one tenant and handed in at another.",
        "See that both endpoints name the same tenant and authorize it again; if it happens twice, report it with the correlation id.";
    50048 => Defect, Registration,
        "What Postern signed for the app names another app.",
        "Compare the Client ID with the app's Overview; if it is right, report it with the correlation id.";
    50027 => Defect, Registration,
        "Microsoft could not read a token that it was sent.",
        "Authorize it again; if it happens twice, report it with the correlation id.";
    90004, 90013, 90014, 900144, 90023, 9002313, 90100 => Defect, Registration,
        "Microsoft found a fault in the request.",
        "Compare the endpoints and the Client ID with the guide and authorize it again; if it happens twice, report it with the correlation id.";
};
