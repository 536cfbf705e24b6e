//! Tasks and those who take them, one step at a time.

use wait::Crew;

#[test]
fn tasks_are_taken_in_their_order() {
    let mut crew: Crew<_, ()> = Crew::default();
    assert_eq!(crew.put('a'), None);
    assert_eq!(crew.put('b'), None);
    assert_eq!(crew.tasks().collect::<String>(), "ab");
    assert_eq!(
        [crew.take(), crew.take(), crew.take()],
        [Some('a'), Some('b'), None]
    );
}

#[test]
fn who_came_last_is_called_first_and_each_once() {
    let mut crew = Crew::default();
    crew.wait(1);
    crew.wait(2);
    assert_eq!(crew.put('a'), Some(2));
    assert_eq!(crew.put('b'), Some(1));
    assert_eq!(crew.put('c'), None);
}

#[test]
fn who_has_left_is_not_called() {
    let mut crew = Crew::default();
    (1..=3).for_each(|waiter| crew.wait(waiter));
    crew.leave(|&waiter| waiter == 3);
    crew.leave(|&waiter| waiter == 1);
    assert_eq!([crew.put('a'), crew.put('b')], [Some(2), None]);
}
