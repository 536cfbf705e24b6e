//! How a wait ended.

/// How a wait ended. `E` is what can be thrown into one that waits.
#[derive(PartialEq, Eq, Debug)]
pub enum Wake<E> {
    Notified,
    TimedOut,
    /// An exception was thrown in. If it was `notified` as well, whoever handed something over
    /// believes that it was taken: pass it on.
    Thrown {
        error: E,
        notified: bool,
    },
}

impl<E> Wake<E> {
    /// Whether what was waited for is had; the error if one was thrown in. What was handed to a greenlet that cannot
    /// take it any more goes to `pass_on`: without it the next in line would wait for ever.
    #[inline]
    pub fn or_pass_on(self, pass_on: impl FnOnce()) -> Result<bool, E> {
        match self {
            Wake::Notified => Ok(true),
            Wake::TimedOut => Ok(false),
            Wake::Thrown { error, notified } => {
                if notified {
                    pass_on();
                }
                Err(error)
            }
        }
    }
}
