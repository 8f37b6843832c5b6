//! People as a page shows them: initials, a first name, a full line. Not for addresses on letters.
use desk::people::person::Person;

/// At most two letters for the round face: of first and last word, or the first of an address.
pub fn initials(name: &str) -> String {
    let mut words = name
        .split(|c: char| c.is_whitespace() || "<>\"'(),@".contains(c))
        .filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let first = words.next();
    let last = if name.contains('@') { None } else { words.next_back() };
    first.into_iter().chain(last).flat_map(char::to_uppercase).take(2).collect()
}

/// The word a colleague would use: the first name, or what stands before the `@`.
pub fn short(name: &str) -> &str {
    let name = name.trim();
    match name.split_once('@') {
        Some((local, _)) if !name.contains(' ') => local,
        _ => name.split_whitespace().next().map_or(name, |word| word.trim_matches([',', '"'])),
    }
}

/// The name, or the address where there is none.
pub fn of(person: &Person) -> &str {
    person.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(&person.address)
}

/// An address in pieces, between which a line may break: behind the `@` and behind each dot after it.
pub fn parts(address: &str) -> Vec<&str> {
    match address.find('@') {
        Some(at) => {
            let (local, domain) = address.split_at(at + 1);
            std::iter::once(local).chain(domain.split_inclusive('.')).collect()
        }
        None => vec![address],
    }
}

/// Whom a letter went to, in one line; a long list says how many more.
pub fn line(people: &[Person]) -> String {
    const SHOWN_MAX: usize = 6;
    let mut text = people.iter().take(SHOWN_MAX).map(of).collect::<Vec<_>>().join(", ");
    if people.len() > SHOWN_MAX {
        text.push_str(&format!(" and {} more", people.len() - SHOWN_MAX));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_has_the_initials_of_first_and_last_name() {
        assert_eq!(initials("Tomasz Nowak"), "TN");
        assert_eq!(initials("Anna Maria van Dyck"), "AD");
        assert_eq!(initials("dana@nordwind.example"), "D");
        assert_eq!(initials("佐藤 花子"), "佐花");
        assert_eq!(initials("\"><"), "");
    }

    #[test]
    fn a_colleague_says_the_first_name() {
        assert_eq!(short("Tomasz Nowak"), "Tomasz");
        assert_eq!(short("office@nordwind.example"), "office");
        assert_eq!(short(""), "");
    }

    #[test]
    fn an_address_breaks_behind_the_at_and_the_dots() {
        assert_eq!(parts("a.b@mail.x.example"), ["a.b@", "mail.", "x.", "example"]);
        assert_eq!(parts("nobody"), ["nobody"]);
    }

    #[test]
    fn a_long_list_says_how_many_more() {
        let people: Vec<Person> = (0..9)
            .map(|n| Person { name: Some(format!("P{n}")), address: format!("p{n}@x.example") })
            .collect();
        assert_eq!(line(&people), "P0, P1, P2, P3, P4, P5 and 3 more");
    }
}
