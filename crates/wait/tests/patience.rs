//! What waiting awake may cost, and when it is tried again.

use std::time::Duration;

use wait::{Patience, Spell};

fn spell(paid: bool, microseconds: u64) -> Spell {
    let took = Duration::from_micros(microseconds);
    Spell { paid, took }
}

/// How many waits it is until one is allowed, the last included.
fn waits(patience: &mut Patience) -> usize {
    1 + (0..).take_while(|_| !patience.allows()).count()
}

#[test]
fn what_was_spent_in_vain_is_paid_back() {
    let mut patience = Patience::default();
    assert_eq!(waits(&mut patience), 1);
    patience.book(spell(false, 50));
    assert_eq!(waits(&mut patience), 50);
    patience.book(spell(false, 3000));
    assert_eq!(waits(&mut patience), 3000);
}

#[test]
fn what_was_gained_lasts_for_a_few_spells_in_vain() {
    let mut patience = Patience::default();
    for _ in 0..100 {
        assert!(patience.allows());
        patience.book(spell(true, 2));
    }
    for _ in 0..2 {
        assert!(patience.allows());
        patience.book(spell(false, 50));
    }
    assert!(patience.allows());
    patience.book(spell(false, 50));
    assert!(!patience.allows());
}

#[test]
fn no_loss_is_for_ever() {
    let mut patience = Patience::default();
    patience.book(spell(false, u64::MAX));
    patience.book(spell(false, 1));
    assert!(waits(&mut patience) <= 10_001);
}

#[test]
fn a_call_ends_a_spell_and_time_does() {
    // Not each: the thread may lose the CPU in the middle of one.
    assert!((0..1000).any(|_| Spell::pass(|| true).paid));
    let in_vain = Spell::pass(|| false);
    assert!(!in_vain.paid && in_vain.took > Duration::ZERO);
}
