//! [`perform`]: threads that begin together.

use std::{
    io,
    sync::{Condvar, Mutex, PoisonError},
    thread::{self, Builder, Thread},
};

/// What a thread may need; mallocs that others wrote run on it, too.
const STACK: usize = 512 << 10;

/// Where threads wait for each other.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    arrived: usize,
    /// Whether to go on, or home.
    go: Option<bool>,
}

impl Gate {
    /// Arrives, and waits until it is opened; whether to go on.
    fn pass(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.arrived += 1;
        self.changed.notify_all();
        loop {
            match state.go {
                Some(go) => return go,
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Waits until so many have arrived.
    fn gather(&self, number: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.arrived < number {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn open(&self, go: bool) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).go = Some(go);
        self.changed.notify_all();
    }
}

/// Does `work` on each of `parts`, on a thread of its own. All threads are there
/// when `before` is told of them, and begin when it is done.
///
/// # Errors
///
/// When there are no more threads; then none has begun. Of a thread that panics
/// there is no result.
pub fn perform<P: Send, R: Send>(
    parts: Vec<P>,
    work: impl Fn(P) -> R + Sync,
    before: impl FnOnce(Vec<Thread>),
) -> io::Result<Vec<Option<R>>> {
    let (gate, number) = (Gate::default(), parts.len());
    let (gate, work) = (&gate, &work);
    thread::scope(|scope| {
        let mut handles = Vec::with_capacity(number);
        for part in parts {
            let run = move || gate.pass().then(|| work(part));
            match Builder::new().stack_size(STACK).spawn_scoped(scope, run) {
                Ok(handle) => handles.push(handle),
                Err(error) => {
                    gate.open(false);
                    return Err(error);
                }
            }
        }
        gate.gather(number);
        before(handles.iter().map(|handle| handle.thread().clone()).collect());
        gate.open(true);
        Ok(handles.into_iter().map(|handle| handle.join().ok().flatten()).collect())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn nobody_begins_before_all_are_there() {
        let is_told = AtomicBool::new(false);
        let work = |part: usize| (part, is_told.load(Ordering::Relaxed));
        let results = perform(vec![0, 1, 2], work, |threads| is_told.store(threads.len() == 3, Ordering::Relaxed));
        assert_eq!(results.unwrap(), [Some((0, true)), Some((1, true)), Some((2, true))]);
    }
}
