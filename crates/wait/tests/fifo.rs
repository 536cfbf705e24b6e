//! A line that one can leave from the middle, and what its numbers promise.

use wait::Fifo;

fn line(entries: &[char]) -> Fifo<char> {
    let mut line = Fifo::default();
    for &entry in entries {
        line.push(entry);
    }
    line
}

fn rest(line: &Fifo<char>) -> Vec<(u64, char)> {
    line.iter()
        .map(|(number, &entry)| (number, entry))
        .collect()
}

#[test]
fn who_leaves_from_the_middle_moves_nobody() {
    let mut line = line(&['a', 'b', 'c']);
    assert_eq!(line.remove(1), Some('b'));
    assert_eq!(rest(&line), [(0, 'a'), (2, 'c')]);
    assert_eq!(line.len(), 2);
    assert_eq!(line.remove(1), None);
    assert_eq!(line.push('d'), 3);
}

#[test]
fn numbers_are_not_used_again() {
    let mut line = line(&['a', 'b']);
    assert_eq!(line.remove(1), Some('b'));
    assert_eq!(line.remove(0), Some('a'));
    assert!(line.is_empty());
    assert_eq!(line.push('c'), 2);
    assert_eq!(line.remove(0), None);
    assert_eq!(rest(&line), [(2, 'c')]);
}

#[test]
fn who_joins_later_is_not_among_those_before() {
    let mut line = line(&['a', 'b', 'c']);
    let end = line.next_number();
    line.remove(1);
    line.push('d');
    let before: Vec<_> = std::iter::from_fn(|| line.pop_before(end)).collect();
    assert_eq!(before, ['a', 'c']);
    assert_eq!(rest(&line), [(3, 'd')]);
}

#[test]
fn the_oldest_of_a_kind_is_found_past_holes() {
    let mut line = line(&['a', 'B', 'c', 'D']);
    assert_eq!(line.find(char::is_ascii_uppercase), Some(1));
    line.remove(1);
    assert_eq!(line.find(char::is_ascii_uppercase), Some(3));
    assert_eq!(line.find(char::is_ascii_digit), None);
}

#[test]
fn where_the_oldest_lies_is_nowhere_in_an_empty_line() {
    let mut line = line(&['a', 'b']);
    let first = line.oldest();
    assert_eq!(line.pop_before(1), Some('a'));
    assert_eq!(line.oldest(), first.wrapping_add(1));
    assert_eq!(line.pop_before(2), Some('b'));
    assert!(line.oldest().is_null());
}
