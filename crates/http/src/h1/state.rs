//! The state machine of one connection, as tables.
//!
//! Everything that decides what may happen next is here, and here is nothing else:
//! no byte is looked at in this file. Both directions have a state, because a server
//! may answer before it has read the whole request.
//!
//! ```text
//!   receiving:  Idle ─ request ─► Body ─ end ─► Done        end of input ─► Closed
//!   sending:    Idle ─ head ────► Body ─ end ─► Done        100 Continue: Idle ─► Idle
//!
//!   both Done and the connection is kept  ─► both Idle
//!   101, or 2xx to CONNECT                ─► both Switched: the bytes are no longer HTTP
//!   the peer's error                      ─► receiving Failed: answer, then close
//! ```

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiving {
    Idle,
    Body,
    Done,
    Closed,
    Switched,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    Request,
    Data,
    EndOfMessage,
    EndOfInput,
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    Idle,
    Body,
    Done,
    Switched,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Interim,
    Head,
    SwitchingHead,
    Data,
    End,
}

/// Where receiving stands after `what`; None if it cannot happen there.
pub(crate) const fn after_received(at: Receiving, what: Received) -> Option<Receiving> {
    Some(match (at, what) {
        (Receiving::Idle, Received::Request) => Receiving::Body,
        (Receiving::Idle, Received::EndOfInput) => Receiving::Closed,
        (Receiving::Body, Received::Data) => Receiving::Body,
        (Receiving::Body, Received::EndOfMessage) => Receiving::Done,
        (Receiving::Idle | Receiving::Body, Received::Error) => Receiving::Failed,
        _ => return None,
    })
}

/// Where sending stands after `what`; None if it must not be sent there.
pub(crate) const fn after_sent(at: Sending, receiving: Receiving, what: Sent) -> Option<Sending> {
    // An error is answered though there is no request to answer.
    let answerable = !matches!(receiving, Receiving::Idle | Receiving::Closed);
    Some(match (at, what) {
        (Sending::Idle, Sent::Interim) if answerable => Sending::Idle,
        (Sending::Idle, Sent::Head) if answerable => Sending::Body,
        (Sending::Idle, Sent::SwitchingHead) if answerable => Sending::Switched,
        (Sending::Body, Sent::Data) => Sending::Body,
        (Sending::Body, Sent::End) => Sending::Done,
        (Sending::Switched, Sent::End) => Sending::Switched,
        _ => return None,
    })
}

/// Whether the next request may follow on this connection.
pub(crate) const fn may_start_next_cycle(
    receiving: Receiving,
    sending: Sending,
    keep_alive: bool,
) -> bool {
    keep_alive && matches!((receiving, sending), (Receiving::Done, Sending::Done))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVING: [Receiving; 6] = [
        Receiving::Idle,
        Receiving::Body,
        Receiving::Done,
        Receiving::Closed,
        Receiving::Switched,
        Receiving::Failed,
    ];

    #[test]
    fn nothing_is_received_after_an_end() {
        for end in [Receiving::Closed, Receiving::Switched, Receiving::Failed] {
            for what in [
                Received::Request,
                Received::Data,
                Received::EndOfMessage,
                Received::EndOfInput,
                Received::Error,
            ] {
                assert_eq!(after_received(end, what), None);
            }
        }
    }

    #[test]
    fn no_answer_without_a_question() {
        for what in [Sent::Interim, Sent::Head, Sent::SwitchingHead] {
            assert_eq!(after_sent(Sending::Idle, Receiving::Idle, what), None);
            assert_eq!(after_sent(Sending::Idle, Receiving::Closed, what), None);
        }
        assert!(after_sent(Sending::Idle, Receiving::Failed, Sent::Head).is_some());
    }

    #[test]
    fn one_head_a_response() {
        for receiving in RECEIVING {
            assert_eq!(after_sent(Sending::Body, receiving, Sent::Head), None);
            assert_eq!(after_sent(Sending::Done, receiving, Sent::Head), None);
        }
    }

    #[test]
    fn a_cycle_ends_only_when_both_sides_are_done() {
        for receiving in RECEIVING {
            for sending in [
                Sending::Idle,
                Sending::Body,
                Sending::Done,
                Sending::Switched,
            ] {
                let both = receiving == Receiving::Done && sending == Sending::Done;
                assert_eq!(may_start_next_cycle(receiving, sending, true), both);
                assert!(!may_start_next_cycle(receiving, sending, false));
            }
        }
    }
}
