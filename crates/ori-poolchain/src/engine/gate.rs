//! [`Gate`]: lets out in the order of their batches what several threads make of them.
//!
//! Batches of a process stage are encoded by several threads, and a thread may be interrupted at any
//! point. Without the gate a later batch could get to a process first, and an item that runs for
//! ever would keep one before it from running at all.

use std::collections::BTreeMap;

use super::lock::lock;
use crate::model::sync::Mutex;

pub(crate) struct Gate<J> {
    state: Mutex<State<J>>,
}

struct State<J> {
    /// The number of the next who comes in.
    next: u64,
    /// Whose turn it is to go out.
    turn: u64,
    /// What those behind have made so far.
    waiting: BTreeMap<u64, Waiting<J>>,
}

struct Waiting<J> {
    made: Vec<J>,
    /// No more will come.
    complete: bool,
}

impl<J> Default for Waiting<J> {
    fn default() -> Self {
        Self { made: Vec::new(), complete: false }
    }
}

impl<J> Gate<J> {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State { next: 0, turn: 0, waiting: BTreeMap::new() }) }
    }

    /// Takes a batch, if there is one, and a number, both at once.
    pub(crate) fn enter<B>(&self, take: impl FnOnce() -> Option<B>) -> Option<(u64, B)> {
        let mut state = lock(&self.state);
        let batch = take()?;
        let number = state.next;
        state.next += 1;
        Some((number, batch))
    }

    /// Lets out what was made under this number, now or when its turn comes. `send` is called in
    /// order, by one thread at a time.
    pub(crate) fn pass(&self, number: u64, made: J, send: impl FnOnce(J)) {
        let mut state = lock(&self.state);
        if state.turn == number {
            send(made);
        } else {
            state.waiting.entry(number).or_default().made.push(made);
        }
    }

    /// Nothing more comes under this number: those behind have their turn.
    pub(crate) fn close(&self, number: u64, mut send: impl FnMut(J)) {
        let mut state = lock(&self.state);
        if state.turn != number {
            state.waiting.entry(number).or_default().complete = true;
            return;
        }
        loop {
            state.turn += 1;
            let turn = state.turn;
            let Some(waiting) = state.waiting.remove(&turn) else { return };
            waiting.made.into_iter().for_each(&mut send);
            if !waiting.complete {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::Gate;

    #[test]
    fn what_is_made_goes_out_in_the_order_in_which_batches_were_taken() {
        let gate = Gate::new();
        let out = RefCell::new(Vec::new());
        let send = |made| out.borrow_mut().push(made);
        let numbers: Vec<u64> = (0..3).map(|batch| gate.enter(|| Some(batch)).unwrap().0).collect();
        gate.pass(numbers[1], "1a", send);
        gate.pass(numbers[2], "2a", send);
        gate.close(numbers[2], send);
        assert!(out.borrow().is_empty());
        gate.pass(numbers[0], "0a", send);
        assert_eq!(*out.borrow(), ["0a"]);
        gate.close(numbers[0], send);
        assert_eq!(*out.borrow(), ["0a", "1a"]);
        gate.pass(numbers[1], "1b", send);
        gate.close(numbers[1], send);
        assert_eq!(*out.borrow(), ["0a", "1a", "1b", "2a"]);
        assert!(gate.state.lock().unwrap().waiting.is_empty());
        let (number, ()) = gate.enter(|| Some(())).unwrap();
        gate.pass(number, "3a", send);
        assert_eq!(out.borrow().last(), Some(&"3a"));
    }

    #[test]
    fn who_takes_nothing_holds_up_nobody() {
        let gate = Gate::<u8>::new();
        assert!(gate.enter(|| None::<()>).is_none());
        let (number, ()) = gate.enter(|| Some(())).unwrap();
        let mut out = None;
        gate.pass(number, 1, |made| out = Some(made));
        assert_eq!(out, Some(1));
    }
}
