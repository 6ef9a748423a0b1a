//! Tells when nothing in the runtime can go on by itself.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Whoever waits for the runtime to have nothing to do. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Idle(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
enum Waiting {
    #[default]
    Nobody,
    For(Waker),
    Over,
}

impl Idle {
    /// To be called when the runtime's thread is about to sleep.
    pub fn parked(&self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Waiting::For(waker) = std::mem::replace(&mut *waiting, Waiting::Over) {
            drop(waiting);
            waker.wake();
        }
    }

    /// Waits until every task waits for something else than this.
    pub fn wait(&self) -> impl Future<Output = ()> + use<> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Waiting::Nobody;
        UntilIdle(self.clone())
    }
}

struct UntilIdle(Idle);

impl Future for UntilIdle {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*waiting, Waiting::Over) {
            return Poll::Ready(());
        }
        *waiting = Waiting::For(cx.waker().clone());
        Poll::Pending
    }
}
