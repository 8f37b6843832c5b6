//! What pages of a listing came to.
use std::collections::{HashMap, HashSet};
use wire::graph::{Listed, Page};

/// What pages came to: each message once.
#[derive(Default)]
pub(super) struct Found {
    pub order: Vec<String>,
    received_at: HashMap<String, Option<i64>>,
    /// Ids of what has left the folder. One that is listed too has come and gone, or gone and come back.
    removed: HashSet<String>,
    /// Of all ids that were ever named.
    pub bytes: usize,
}

impl Found {
    /// Whether the page named something new.
    pub(super) fn take(&mut self, page: &Page) -> bool {
        let mut is_news = false;
        for listed in &page.listed {
            let known = self.received_at.get(&listed.id);
            if known.is_none() {
                self.bytes += listed.id.len();
                self.order.push(listed.id.clone());
                is_news = true;
            }
            let at = listed.received_at.or(known.copied().flatten());
            self.received_at.insert(listed.id.clone(), at);
        }
        for id in &page.removed {
            if self.removed.insert(id.clone()) {
                self.bytes += id.len();
                is_news = true;
            }
        }
        is_news
    }

    /// Those that are named both as being there and as gone, at most so many: which of the two holds now, the server is to be
    /// asked. It does not say in which order it tells.
    pub(super) fn both(&self, at_most: usize) -> Vec<String> {
        self.order.iter().filter(|id| self.removed.contains(*id)).take(at_most).cloned().collect()
    }
    /// This one is not there.
    pub(super) fn drop(&mut self, id: &str) {
        self.received_at.remove(id);
    }

    /// Oldest first, as far as is known when they came; the others last, in the server's order.
    pub(super) fn in_order(self) -> Vec<Listed> {
        let Found { order, mut received_at, .. } = self;
        let listed = order.into_iter().filter_map(|id| {
            let received_at = received_at.remove(&id)?;
            Some(Listed { id, received_at })
        });
        let mut listed: Vec<Listed> = listed.collect();
        listed.sort_by_key(|listed| listed.received_at.unwrap_or(i64::MAX));
        listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::graph::Next;

    #[test]
    fn a_message_of_several_pages_is_one_and_the_oldest_is_the_first() {
        let listed = |id: &str, received_at| Listed { id: id.to_owned(), received_at };
        let page = |listed: Vec<Listed>, removed: &[&str]| Page {
            listed,
            removed: removed.iter().map(|id| (*id).to_owned()).collect(),
            next: Next::Later(String::new()),
        };
        let mut found = Found::default();
        found.take(&page(
            vec![listed("new", Some(30)), listed("unknown", None), listed("old", Some(10))],
            &[],
        ));
        found
            .take(&page(vec![listed("old", None), listed("middle", Some(20)), listed("gone", Some(1))], &[]));
        assert!(found.take(&page(vec![], &["gone", "never"])), "many pages may tell of what is gone alone");
        assert!(!found.take(&page(vec![], &["gone", "never"])), "once");
        assert_eq!(found.both(9), ["gone"]);
        found.drop("gone");
        let order: Vec<String> = found.in_order().into_iter().map(|listed| listed.id).collect();
        assert_eq!(order, ["old", "middle", "new", "unknown"]);
    }
}
