//! Bytes by content: durable, once, and never wrong.
use desk::files::store::{Content, Store, Stored};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        })
        .collect()
}
fn files_under(folder: &Path) -> usize {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { files_under(&path) } else { 1 })
        .sum()
}

#[test]
fn what_was_put_comes_back_whole_small_large_empty_and_compressible() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("blobs")).unwrap();
    let text = "the printer is on fire ".repeat(100_000).into_bytes();
    let contents = [noise(100, 1), noise(3_000_000, 2), Vec::new(), text, noise(1024 * 1024, 3)];
    let stored = store.put_all(&contents.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    let again = Store::open(&folder.path().join("blobs")).unwrap();
    for (content, stored) in contents.iter().zip(&stored) {
        assert_eq!(stored.size_bytes, content.len() as u64);
        assert_eq!(stored.hash, Store::hash(content));
        assert!(again.get(&stored.place, &stored.hash).unwrap() == *content);
    }
}

#[test]
fn small_contents_of_a_batch_share_one_file_and_large_ones_have_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let small: Vec<Vec<u8>> = (0..50).map(|i| noise(1000, i)).collect();
    let mut batch: Vec<&[u8]> = small.iter().map(Vec::as_slice).collect();
    let large = noise(1_100_000, 99);
    batch.push(&large);
    store.put_all(&batch).unwrap();
    assert_eq!(files_under(&folder.path().join("pack")), 1);
    assert_eq!(files_under(&folder.path().join("file")), 1);
}

#[test]
fn what_is_packed_on_its_way_to_its_file_comes_back_whole_and_one_changed_byte_is_an_error() {
    const BYTES: usize = 3 * 1024 * 1024 + 1;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for (content, packs) in [(noise(BYTES, 1), false), (vec![7; BYTES], true)] {
        let stored = store.put(&content).unwrap();
        assert!(stored.place.starts_with("file/"), "{}", stored.place);
        assert_eq!(store.get(&stored.place, &stored.hash).unwrap(), content);
        let path = folder.path().join(&stored.place);
        let whole = fs::read(&path).unwrap();
        assert_eq!(whole.len() < BYTES / 100, packs, "{} bytes", whole.len());
        assert!(whole.len() < BYTES + 100, "what does not pack is kept as it is: {} bytes", whole.len());
        for at in [0, 4, 8, 16, 24, 40, 56, whole.len() / 2, whole.len() - 1] {
            let mut bad = whole.clone();
            bad[at] ^= 1;
            fs::write(&path, bad).unwrap();
            let got = store.get(&stored.place, &stored.hash);
            assert!(got.is_err() || got.unwrap() == content, "byte {at}");
        }
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(store.get(&stored.place, &stored.hash).unwrap_err().to_string().contains("cut off"));
    }
}

/// Gives at most so many bytes at once.
struct Slow<'a>(&'a [u8], usize);
impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}
fn read_all(mut content: Content) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes).map(|_| bytes)
}
const MB: usize = 1024 * 1024;

#[test]
fn what_comes_piece_by_piece_is_kept_as_what_comes_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let begins_packed = [vec![7; MB], noise(3 * MB, 4)].concat();
    for content in [Vec::new(), noise(700, 1), noise(MB, 2), noise(MB + 1, 3), vec![7; 5 * MB], begins_packed]
    {
        let streamed = store.put_stream(&mut Slow(&content, 60_007)).unwrap();
        assert_eq!((streamed.hash, streamed.size_bytes), (Store::hash(&content), content.len() as u64));
        assert_eq!(streamed.place.starts_with("file/"), content.len() >= MB, "{}", streamed.place);
        let blob = store.open_blob(&streamed.place, &streamed.hash).unwrap();
        assert_eq!(blob.size_bytes(), content.len() as u64);
        assert!(read_all(blob).unwrap() == content);
        assert!(store.get(&streamed.place, &streamed.hash).unwrap() == content);
        // Known content is not kept twice, whichever way it comes.
        let files = files_under(folder.path());
        assert_eq!(store.put(&content).unwrap(), streamed);
        assert_eq!(store.put_stream(&mut Slow(&content, MB)).unwrap(), streamed);
        assert_eq!(files_under(folder.path()), files);
    }
    let packed = store.put_stream(&mut Slow(&vec![8; 5 * MB], MB)).unwrap();
    assert!(fs::metadata(folder.path().join(packed.place)).unwrap().len() < 5_000);
}

#[test]
fn the_last_bytes_are_given_out_only_when_all_are_the_right_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for content in [noise(3 * MB, 1), vec![7; 3 * MB]] {
        let stored = store.put_stream(&mut content.as_slice()).unwrap();
        let path = folder.path().join(&stored.place);
        let whole = fs::read(&path).unwrap();
        for at in [whole.len() / 2, whole.len() - 1] {
            let mut bad = whole.clone();
            bad[at] ^= 1;
            fs::write(&path, bad).unwrap();
            let mut given = 0;
            let said = store.open_blob(&stored.place, &stored.hash).map_err(|e| e.to_string()).and_then(
                |mut blob| {
                    let mut piece = vec![0; 70_000];
                    loop {
                        match blob.read(&mut piece) {
                            Ok(0) => return Ok(()),
                            Ok(bytes) => given += bytes,
                            Err(e) => return Err(e.to_string()),
                        }
                    }
                },
            );
            let said = said.unwrap_err();
            assert!(said.contains(&stored.place) && said.contains("postern restore --files"), "{said}");
            assert!(given < content.len(), "byte {at}: {given}");
        }
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(store.open_blob(&stored.place, &stored.hash).unwrap_err().to_string().contains("cut off"));
    }
}

#[test]
fn a_stream_that_breaks_off_leaves_nothing_and_so_does_a_killed_process() {
    struct Breaks(u64);
    impl Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or_else(|| io::Error::other("the line is gone"))?;
            buffer.fill(7);
            Ok(buffer.len())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let said = store.put_stream(&mut Breaks(30)).unwrap_err().to_string();
    assert!(said.contains("could not be read: the line is gone"), "{said}");
    assert_eq!(files_under(folder.path()), 0);
    // What another process left is swept; what is being written here is not.
    fs::write(folder.path().join("part/7-1"), "half of it").unwrap();
    let mut writer = store.writer();
    writer.write(&vec![7; 2 * MB]).unwrap();
    assert_eq!(files_under(&folder.path().join("part")), 2);
    let other = Store::open(folder.path()).unwrap();
    assert_eq!(files_under(&folder.path().join("part")), 1);
    let stored = writer.end().unwrap();
    assert_eq!(files_under(&folder.path().join("part")), 0);
    assert!(other.get(&stored.place, &stored.hash).unwrap() == vec![7; 2 * MB]);
}

#[test]
fn the_same_content_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (small, large) = (noise(1000, 1), noise(1_100_000, 2));
    let first = store.put_all(&[&small, &small, &large, &large]).unwrap();
    assert_eq!(first[0], first[1]);
    let length = || fs::metadata(folder.path().join("pack/00000001")).unwrap().len();
    let before = length();
    assert_eq!(store.put_all(&[&small, &large]).unwrap(), [first[0].clone(), first[2].clone()]);
    assert_eq!(length(), before);
    // Another process knows a large one by its name, and a small one by the database.
    let other = Store::open(folder.path()).unwrap();
    assert_eq!(other.put_new(&[&small, &large], &first).unwrap(), [first[0].clone(), first[2].clone()]);
    assert_eq!(files_under(folder.path()), 2);
}

#[test]
fn what_was_damaged_since_is_written_again_by_whichever_way_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for content in [noise(1000, 1), noise(3_000_000, 2)] {
        type Way<'a> = &'a dyn Fn(&Store) -> desk::Result<Stored>;
        let ways: [Way<'_>; 4] = [
            &|store| store.put(&content),
            &|store| store.put_alone(&content),
            &|store| store.put_stream(&mut content.as_slice()),
            &|store| Ok(store.put_new(&[&content], &[store.put(&content)?])?.remove(0)),
        ];
        let mut stored = store.put(&content).unwrap();
        for way in ways {
            for other_process in [false, true] {
                let path = folder.path().join(stored.place.split('@').next().unwrap());
                // Of its length, as by a bad sector.
                let mut bytes = fs::read(&path).unwrap();
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
                fs::write(&path, bytes).unwrap();
                assert!(!store.is_whole(&stored.place, &stored.hash));
                let other = Store::open(folder.path()).unwrap();
                stored = way(if other_process { &other } else { &store }).unwrap();
                assert_eq!(store.get(&stored.place, &stored.hash).unwrap(), content);
            }
        }
    }
}

#[test]
fn the_torn_end_of_a_pack_harms_nothing_that_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let contents: Vec<Vec<u8>> = (0..10).map(|i| noise(1000, i)).collect();
    let stored: Vec<_> = contents.iter().map(|c| store.put(c).unwrap()).collect();
    let pack = folder.path().join("pack/00000001");
    let whole = fs::read(&pack).unwrap();
    let last_begins = whole.len() - whole.len() / 10;
    // Killed while the last one was written, at every place where that may be.
    for length in (last_begins..whole.len()).step_by(31) {
        fs::write(&pack, &whole[..length]).unwrap();
        let next = Store::open(folder.path()).unwrap();
        let new = next.put(&noise(500, 100 + length as u64)).unwrap();
        assert!(!new.place.starts_with("pack/00000001@"), "a pack that was found is not appended to");
        assert!(next.get(&new.place, &new.hash).is_ok());
        for (content, stored) in contents.iter().zip(&stored).take(9) {
            assert!(next.get(&stored.place, &stored.hash).unwrap() == *content);
        }
        let lost = next.get(&stored[9].place, &stored[9].hash).unwrap_err().to_string();
        assert!(lost.contains("pack/00000001"), "{lost}");
    }
}

/// As `cp -a` does it.
fn copied(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copied(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

#[test]
fn what_is_put_after_a_pack_or_the_folder_was_replaced_is_where_it_is_looked_for() {
    type Harm = fn(&Path, &Path);
    let harms: [(&str, Harm); 7] = [
        ("moved", |root, away| fs::rename(root.join("pack/00000001"), away).unwrap()),
        ("removed", |root, _| fs::remove_file(root.join("pack/00000001")).unwrap()),
        ("replaced as by rsync", |root, away| {
            fs::copy(root.join("pack/00000001"), away).unwrap();
            fs::rename(away, root.join("pack/00000001")).unwrap();
        }),
        ("written over by a shorter one", |root, _| {
            let earlier = fs::read(root.join("pack/00000001")).unwrap();
            fs::write(root.join("pack/00000001"), &earlier[..earlier.len() / 2]).unwrap();
        }),
        ("its folder moved", |root, away| {
            fs::rename(root.join("pack"), away).unwrap();
            fs::create_dir(root.join("pack")).unwrap();
        }),
        ("the folder copied and put back", |root, away| {
            fs::rename(root, away).unwrap();
            copied(away, root);
        }),
        ("another folder in its place", |root, away| {
            fs::rename(root, away).unwrap();
            Store::open(root).unwrap().put(&noise(300, 5)).unwrap();
        }),
    ];
    for (what, harm) in harms {
        let folder = tempfile::tempdir().unwrap();
        let (root, away) = (folder.path().join("blobs"), folder.path().join("away"));
        let store = Store::open(&root).unwrap();
        store.put(&noise(1000, 1)).unwrap();
        store.put(&noise(1000, 2)).unwrap();
        harm(&root, &away);
        for (seed, bytes) in [(3, 1000), (4, 1000), (5, 1_100_000)] {
            let content = noise(bytes, seed);
            let stored = store.put(&content).unwrap();
            assert!(!stored.place.starts_with("pack/00000001@"), "{what}: a number is given once");
            let after_a_restart = Store::open(&root).unwrap();
            assert!(after_a_restart.get(&stored.place, &stored.hash).unwrap() == content, "{what}");
        }
        // And what was there before the harm is written again where it is gone.
        let again = store.put(&noise(1000, 2)).unwrap();
        assert!(store.is_whole(&again.place, &again.hash), "{what}");
    }
}

#[test]
fn one_changed_byte_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let stored = store.put(&noise(200, 1)).unwrap();
    let pack = folder.path().join("pack/00000001");
    let whole = fs::read(&pack).unwrap();
    // Three bytes of the head are spare, and its copy of the hash is for people who repair.
    for at in (0..5).chain(8..24).chain(56..whole.len()) {
        let mut bad = whole.clone();
        bad[at] ^= 1;
        fs::write(&pack, &bad).unwrap();
        let said = store.get(&stored.place, &stored.hash).map(drop).unwrap_err().to_string();
        assert!(said.contains("pack/00000001") && said.contains("backup"), "byte {at}: {said}");
    }
}

#[test]
fn a_place_never_leads_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "x").unwrap();
    let store = Store::open(&folder.path().join("blobs")).unwrap();
    for place in [
        "file/../../secret",
        "pack/../secret@0",
        "/etc/passwd",
        "file/ab/../../../secret",
        "",
        "pack/@0",
        "file//",
    ] {
        let said = store.get(place, &[0; 32]).unwrap_err().to_string();
        assert!(said.contains("is no place of the store"), "{said}");
    }
}

#[test]
fn the_folder_is_for_its_owner_alone_and_knows_its_room() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("data/blobs");
    let store = Store::open(&root).unwrap();
    store.put(&noise(10, 1)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o700);
    assert_eq!(mode(&root.join("pack/00000001")), 0o600);
    let (free, size) = store.room().unwrap();
    assert!(free <= size && size > 0);
}

#[test]
fn many_threads_put_at_once_and_each_finds_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    std::thread::scope(|s| {
        for thread in 0..8_u64 {
            let store = store.clone();
            s.spawn(move || {
                for i in 0..20 {
                    let content = noise(if i % 5 == 0 { 1_100_000 } else { 700 }, thread * 100 + i);
                    let stored = store.put(&content).unwrap();
                    assert!(store.get(&stored.place, &stored.hash).unwrap() == content);
                }
            });
        }
    });
    assert_eq!(files_under(&folder.path().join("pack")), 1);
}

#[test]
fn a_folder_that_is_gone_is_said_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("blobs");
    let store = Store::open(&root).unwrap();
    fs::remove_dir_all(&root).unwrap();
    for content in [noise(10, 1), noise(1_100_000, 1)] {
        let said = store.put(&content).unwrap_err().to_string();
        assert!(said.contains("blobs") && said.contains("the folder is gone"), "{said}");
    }
}
