//! Rules of the organization.

use super::{Place, Row, Rows};

pub(super) const ROWS: Rows = rows! {
    53003 => Policy, NamedLocations,
        "A Conditional Access rule blocks this sign-in, often because of the place it comes from.",
        "Ask the organization's Entra administrators to add the address of Postern's machine to a trusted location or to except this app, then authorize the mailbox again.";
    70043 => Policy, ConditionalAccess,
        "A rule of the organization ends every sign-in after some time (sign-in frequency).",
        "Ask the organization's Entra administrators to except this account from the sign-in frequency, then authorize the mailbox again.";
    53000, 53001 => Policy, ConditionalAccess,
        "A Conditional Access rule asks for a device that the organization manages, which a server is not.",
        "Ask the organization's Entra administrators to except this app or this account, then authorize the mailbox again.";
    53002 => Policy, ConditionalAccess,
        "A Conditional Access rule lets approved programs in only.",
        "Ask the organization's Entra administrators to except this app or this account, then authorize the mailbox again.";
    50097, 50129, 50155, 50187 => Policy, ConditionalAccess,
        "The organization asks for a device that is known to it, which a server is not.",
        "Ask the organization's Entra administrators to except this app or this account, then authorize the mailbox again.";
    50005 => Policy, ConditionalAccess,
        "A Conditional Access rule does not allow this operating system or browser.",
        "Sign in from a computer that is allowed, or ask the organization's Entra administrators to except this app.";
    50131 => Policy, ConditionalAccess,
        "A Conditional Access rule refuses this device, or what was done looked suspicious.",
        "Ask the organization's Entra administrators to except this app or this account, then authorize the mailbox again.";
    530032 => Policy, ConditionalAccess,
        "A security rule of the tenant blocks this sign-in.",
        "Ask the organization's Entra administrators to except this app or this account, then authorize the mailbox again.";
    530035 => Policy, Registration,
        "The tenant's security defaults, Microsoft's basic set of rules, block this way to sign in.",
        "Sign in by the browser and not by a code.";
    135011 => Policy, Devices,
        "The device from which the account signed in is disabled.",
        "Enable the device, or sign in from another one.";
    50002, 500021, 500022 => Policy, SignInLog,
        "A filter in the network of the browser lets it sign in to chosen tenants only.",
        "Sign in from another network, or ask the network team to allow this tenant.";
    500212, 500213 => Policy, CrossTenant,
        "A rule about access between organizations does not let this account in.",
        "Ask the organization's Entra administrators to allow it, or use an account of the tenant itself.";
    40008, 40009, 40015 => Policy, SignInLog,
        "The organization's own sign-in service, to which Microsoft passes people on, refused.",
        "Ask the organization's identity team, then authorize the mailbox again.";
    90123 => Policy, SignInLog,
        "The organization's own sign-in service declined the request.",
        "Ask the organization's identity team, then authorize the mailbox again.";
    80001, 80002, 80005, 80007, 80014 => Policy, Connect,
        "Microsoft could not check the password with the organization's own directory.",
        "Ask the organization's directory team to look at its sign-in agents, then authorize the mailbox again.";
    80013 => Policy, Connect,
        "The clock of the machine that checks passwords for the organization is wrong.",
        "Ask the organization's directory team to set it right, then authorize the mailbox again.";
    90036, 90092 => Policy, Support,
        "The organization's directory has a fault that does not pass by itself.",
        "Ask the organization's administrators to call Microsoft's support.";
};
