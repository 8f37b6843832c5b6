//! Sets of UIDs as commands carry them (RFC 3501 §9: sequence-set), cut so that no command line is too long.

/// Longest set in one command, in bytes: servers take 8,000 and more (RFC 2683 §3.2.1.5), Exchange about 10,000.
pub(super) const SET_BYTES_MAX: usize = 4000;

/// Ascending sets, together all of `uids`, each at most [`SET_BYTES_MAX`] long. Neighbours become `a:b`.
pub(super) fn sets(uids: &[u32]) -> Vec<(String, Vec<u32>)> {
    let mut sorted: Vec<u32> = uids.iter().copied().filter(|uid| *uid > 0).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut sets: Vec<(String, Vec<u32>)> = Vec::new();
    for run in sorted.chunk_by(|a, b| a.checked_add(1) == Some(*b)) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let written = if first == last { first.to_string() } else { format!("{first}:{last}") };
        match sets.last_mut() {
            Some((set, members)) if set.len() + written.len() < SET_BYTES_MAX => {
                set.push(',');
                set.push_str(&written);
                members.extend_from_slice(run);
            }
            _ => sets.push((written, run.to_vec())),
        }
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_joined_and_order_and_doubles_do_not_matter() {
        let written = |uids: &[u32]| sets(uids).into_iter().map(|(set, _)| set).collect::<Vec<_>>();
        assert_eq!(written(&[5, 3, 4, 9, 3, 0]), ["3:5,9"]);
        assert_eq!(written(&[u32::MAX, u32::MAX - 1, 1]), ["1,4294967294:4294967295"]);
        assert!(written(&[]).is_empty());
    }

    #[test]
    fn a_long_set_is_cut_and_nothing_is_lost() {
        let uids: Vec<u32> = (1..5000).map(|n| n * 3).collect();
        let sets = sets(&uids);
        assert!(sets.len() > 1 && sets.iter().all(|(set, _)| set.len() <= SET_BYTES_MAX));
        assert_eq!(sets.into_iter().flat_map(|(_, members)| members).collect::<Vec<_>>(), uids);
    }
}
