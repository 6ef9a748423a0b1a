//! Work that is done to its end, also where nobody waits for it any more.
//!
//! A client that goes away takes its request with it. An operation that has begun must not stop at whatever it was
//! waiting for then. As long as the client is there, the work is the connection's own: a task for each request would cost
//! two more wakes.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::CatchUnwind;
use tokio::runtime::Handle;

/// Work that has begun; polled by whoever waits for it, and by a task of its own once that is dropped.
pub struct Finishing<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    work: Option<Pin<Box<CatchUnwind<AssertUnwindSafe<F>>>>>,
    /// Whether it stops where it is, once it is dropped.
    is_abandoned: bool,
}

/// The work panicked; with what it said.
#[derive(Debug)]
pub struct Panicked(String);

impl<F: Future<Output: Send> + Send + 'static> Finishing<F> {
    /// Begins when it is first polled.
    pub fn new(work: F) -> Self {
        // After a panic the work is dropped. What it shared with others has locks, which know of panics.
        Self { work: Some(Box::pin(AssertUnwindSafe(work).catch_unwind())), is_abandoned: false }
    }

    /// The same; where `is_abandoned`, work that is not finished once it is dropped.
    pub fn abandoned_if(self, is_abandoned: bool) -> Self {
        let mut this = self;
        this.is_abandoned = is_abandoned;
        this
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Finishing<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let outcome = std::task::ready!(work.as_mut().poll(cx));
        self.work = None;
        Poll::Ready(outcome.map_err(|panic| Panicked(said(panic.as_ref()))))
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Finishing<F> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take()
            && !self.is_abandoned
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an operation panicked: {}", self.0)
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it did not say why").to_owned()
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_nobody_waits_for_is_finished() {
        let (go, wait) = oneshot::channel::<()>();
        let (done, finished) = oneshot::channel();
        let mut work = Box::pin(Finishing::new(async move {
            let _ = wait.await;
            let _ = done.send(());
        }));
        assert!(work.as_mut().now_or_never().is_none());
        drop(work);
        go.send(()).unwrap();
        finished.await.unwrap();
    }

    #[tokio::test]
    async fn what_ends_with_its_caller_is_not() {
        let (go, wait) = oneshot::channel::<()>();
        let mut work = Box::pin(
            Finishing::new(async move {
                let _ = wait.await;
            })
            .abandoned_if(true),
        );
        assert!(work.as_mut().now_or_never().is_none());
        drop(work);
        assert!(go.send(()).is_err());
    }

    #[tokio::test]
    async fn a_panic_is_an_error() {
        let work = Finishing::new(async { panic!("no {}", "way") });
        let outcome: Result<(), Panicked> = work.await;
        assert_eq!(outcome.unwrap_err().to_string(), "an operation panicked: no way");
    }
}
