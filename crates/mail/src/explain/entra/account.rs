//! The person who signed in: who it is, and what has become of the sign-in.

use super::{Place, Row, Rows};

pub(super) const ROWS: Rows = rows! {
    50173 => AuthorizeAgain, Registration,
        "The authorization was revoked: the password was reset, or somebody ended the account's sessions.",
        "Authorize it again, and sign in as its account.";
    50132, 50133 => AuthorizeAgain, Registration,
        "The sign-in was ended, since the account's password was changed or expired.",
        "Authorize it again with the new password.";
    70008, 700082 => AuthorizeAgain, Registration,
        "The authorization ran out: it was not used for 90 days, or the sign-in took more than ten minutes.",
        "Authorize it again.";
    50089 => AuthorizeAgain, Registration,
        "The sign-in took too long, and what it had begun ran out.",
        "Authorize it again, without a pause.";
    70000 => AuthorizeAgain, Registration,
        "Microsoft no longer accepts the authorization of this mailbox.",
        "Authorize it again; if a personal account is said to be in abuse mode, recover the account at Microsoft first.";
    700003 => AuthorizeAgain, Registration,
        "The device from which the account had signed in was removed from the organization.",
        "Authorize it again.";
    700020, 50085 => AuthorizeAgain, Registration,
        "Microsoft wants the person to sign in again.",
        "Authorize it again.";
    50072, 50074, 50076, 50079 => AuthorizeAgain, Registration,
        "The organization asks for a second factor, such as a code on a phone.",
        "Authorize it again and confirm the second factor; for a service mailbox ask for an exception, so that it is not asked again and again.";
    50078 => AuthorizeAgain, Registration,
        "The second factor that was confirmed has run out by a rule of the organization.",
        "Authorize it again and confirm the second factor.";
    50158 => AuthorizeAgain, Registration,
        "A sign-in check outside Microsoft, such as another company's second factor, was not passed.",
        "Authorize it again and pass that check.";
    50058 => AuthorizeAgain, Registration,
        "Nobody was signed in at Microsoft in this browser.",
        "Authorize it again and sign in as the mailbox's account.";
    16001, 16002 => AuthorizeAgain, Browser,
        "Another account was chosen than the one that had signed in.",
        "Authorize the mailbox again and choose the mailbox's account.";
    50140, 50199 => AuthorizeAgain, Browser,
        "The sign-in was interrupted at the page that asks whether to go on.",
        "Authorize the mailbox again and answer that page.";
    50143 => AuthorizeAgain, Browser,
        "The browser was signed in to another organization.",
        "Authorize the mailbox again, where nobody is signed in yet.";
    50056, 50126, 50064 => AuthorizeAgain, Registration,
        "The password was wrong or missing.",
        "Authorize it again with the right password.";
    50125 => AuthorizeAgain, Browser,
        "The sign-in stopped because the password has to be reset or a second factor set up.",
        "Sign in to the account once, finish what is asked, then authorize the mailbox again.";
    16000 => AuthorizeAgain, Registration,
        "The account that signed in is of another directory and is not known in this tenant.",
        "Sign in with an account of the tenant, or correct the Tenant.";
    16003 => AuthorizeAgain, Registration,
        "The person who signed in has not been added to this tenant.",
        "Sign in with an account of the tenant.";
    50014, 51004, 50034 => AuthorizeAgain, Registration,
        "The account that signed in does not exist in that tenant.",
        "Sign in with an account of the tenant, or correct the Tenant.";
    50020 => AuthorizeAgain, Registration,
        "The account that signed in belongs to another organization or to another sign-in service.",
        "Sign in with an account of the tenant, or correct the Tenant.";
    90072 => AuthorizeAgain, Registration,
        "An account from outside cannot pass the tenant's second factor.",
        "Sign in with an account of the tenant itself.";
    9002341 => AuthorizeAgain, Browser,
        "The person has to allow that the sign-in of this machine is used.",
        "Authorize the mailbox again and say yes on the page that asks.";
    70018, 90119 => AuthorizeAgain, Registration,
        "The code that was typed in is not the one that Postern showed.",
        "Start again and type the code exactly.";
    70019 => AuthorizeAgain, Registration,
        "The code ran out before somebody typed it in.",
        "Start again and type the new code within 15 minutes.";
    50134 => AuthorizeAgain, Registration,
        "The code was typed in at another of Microsoft's data centers than the one that made it.",
        "Start again with a new code.";
    90120 => AuthorizeAgain, Registration,
        "This code was already used or declined.",
        "Start again with a new code.";
    50057 => Policy, User,
        "The account is disabled, as the accounts of shared mailboxes are by design.",
        "Enable the account; or for a shared mailbox leave it so, and sign in as a person who has Full Access to it.";
    50055, 50144 => Policy, UserMethods,
        "The account's password expired.",
        "Set a new password for the account, then authorize the mailbox again.";
    50053 => Policy, SignInLog,
        "Microsoft locked the account after bad sign-ins, or distrusts the address they came from.",
        "See in the log where the bad sign-ins came from, unblock the account, then authorize the mailbox again.";
    50135 => Policy, RiskyUsers,
        "Microsoft takes the account for endangered and asks for a new password.",
        "Set a new password for the account and dismiss the risk, then authorize the mailbox again.";
    53011 => Policy, RiskyUsers,
        "Microsoft blocked the account because its sign-ins look risky.",
        "Look at the risk and dismiss it, then authorize the mailbox again.";
    53004, 53010 => Policy, UserMethods,
        "A second factor has to be registered first, and not from where the sign-in came from.",
        "Register the second factor from a place that the organization allows, then authorize the mailbox again.";
    54000 => Policy, User,
        "The age that is noted for the account does not allow this app.",
        "Correct the age group of the account, or use another account.";
    80012 => Policy, User,
        "The account may not sign in at this hour.",
        "Have its logon hours changed in the organization's own directory, then authorize the mailbox again.";
};
