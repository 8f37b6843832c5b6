//! The queues as pages: their names in addresses, their headings, and what an empty one says.
use crate::page::Here;
use desk::tickets::queue::{Counts, Queue};

/// As in `/tickets?queue=not-sent`.
pub fn name(queue: Queue) -> &'static str {
    match queue {
        Queue::Open => "open",
        Queue::Mine => "mine",
        Queue::Unassigned => "unassigned",
        Queue::NotSent => "not-sent",
        Queue::Closed => "closed",
    }
}

pub fn parse(name: &str) -> Option<Queue> {
    [Queue::Open, Queue::Mine, Queue::Unassigned, Queue::NotSent, Queue::Closed]
        .into_iter()
        .find(|queue| self::name(*queue) == name)
}

pub fn heading(queue: Queue) -> &'static str {
    match queue {
        Queue::Open => "Open",
        Queue::Mine => "Mine",
        Queue::Unassigned => "Unassigned",
        Queue::NotSent => "Not sent",
        Queue::Closed => "Closed",
    }
}

pub fn here(queue: Queue) -> Here {
    match queue {
        Queue::Open => Here::Open,
        Queue::Mine => Here::Mine,
        Queue::Unassigned => Here::Unassigned,
        Queue::NotSent => Here::NotSent,
        Queue::Closed => Here::Closed,
    }
}

pub fn count(counts: &Counts, queue: Queue) -> i64 {
    match queue {
        Queue::Open => counts.open,
        Queue::Mine => counts.mine,
        Queue::Unassigned => counts.unassigned,
        Queue::NotSent => counts.not_sent,
        Queue::Closed => counts.closed,
    }
}

/// What will appear here, and how to make it so.
#[derive(Clone, Copy, Debug)]
pub struct Empty {
    pub heading: &'static str,
    pub sentence: &'static str,
    pub icon: &'static str,
}

pub fn empty(queue: Queue) -> Empty {
    match queue {
        Queue::Open => Empty {
            heading: "Nothing is open",
            sentence: "Mail to a mailbox of this desk becomes a ticket here, within seconds. \
                       An administrator adds mailboxes under Emails.",
            icon: "inbox",
        },
        Queue::Mine => Empty {
            heading: "Nothing is yours yet",
            sentence: "Tickets that you take or answer stand here. Look under Unassigned for one to take.",
            icon: "user",
        },
        Queue::Unassigned => Empty {
            heading: "Every ticket has somebody",
            sentence: "New tickets stand here until an agent takes or answers them.",
            icon: "hand",
        },
        Queue::NotSent => Empty {
            heading: "Everything was delivered",
            sentence: "Replies that a mail server refused or sent back stand here, with its reason, until somebody deals with them.",
            icon: "out",
        },
        Queue::Closed => Empty {
            heading: "Nothing is closed yet",
            sentence: "Tickets that you close stand here. An answer from outside opens them again.",
            icon: "check",
        },
    }
}
