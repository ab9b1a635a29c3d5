//! Every release of the lock of Ruby's VM, and the unsafe code that it takes.
//!
//! The threading rule: Ruby code runs on threads that Ruby made, and threads of the runtime
//! never take the lock. A Ruby thread that has to wait gives the lock up *here*, waits for a
//! waker, and can be interrupted (`Thread#kill`, `Thread#raise`, `Timeout`, a signal).

use std::{
    ffi::c_void,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
    time::{Duration, Instant},
};

use magnus::{Error, Ruby, rb_sys::protect};

/// How many forks lie between the process that loaded the extension and this one. What was made
/// before a fork belongs to the parent: see `guarded.rs`.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Whether a server ran at one of them.
static FORKED_FROM_SERVER: AtomicBool = AtomicBool::new(false);

/// Tells this process from its parent and its children, as far as it has forked them.
pub(crate) fn generation() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// Whether this process was forked from one in which a server ran.
pub(crate) fn is_forked_from_server() -> bool {
    FORKED_FROM_SERVER.load(Ordering::Relaxed)
}

/// Notes that this process is a child that was forked just now; `from_server`: while a server
/// ran.
pub(crate) fn set_forked(from_server: bool) {
    FORKS.fetch_add(1, Ordering::Relaxed);
    FORKED_FROM_SERVER.fetch_or(from_server, Ordering::Relaxed);
}

/// What a wait came to.
pub(crate) enum Wait<T> {
    /// What was waited for.
    Ready(T),
    /// The time was up first.
    TimedOut,
}

/// What one stretch without the lock came to.
enum Stretch<T> {
    Ready(T),
    TimedOut,
    Interrupted,
}

/// Waits until `poll` is ready, without the lock; `timeout`: how long, `None` for ever.
///
/// What `poll` returned is never lost to an interrupt: it is returned, and the interrupt shows
/// at the thread's next check.
///
/// # Errors
/// The exception of the interrupt that ended the wait.
pub(crate) fn wait<T>(
    ruby: &Ruby,
    timeout: Option<Duration>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Result<Wait<T>, Error> {
    let parker = Arc::new(Parker::new());
    let waker = Waker::from(parker.clone());
    if let Poll::Ready(value) = poll(&mut Context::from_waker(&waker)) {
        return Ok(Wait::Ready(value));
    }
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    loop {
        // Of several interrupts one alone has happened, and for the others nothing wakes the
        // thread again: `rb_nogvl` looks at the flag, not at the queue.
        check_interrupts()?;
        match wait_uninterrupted(ruby, &parker, deadline, &mut poll) {
            Stretch::Ready(value) => return Ok(Wait::Ready(value)),
            Stretch::TimedOut => {
                check_interrupts()?;
                return Ok(Wait::TimedOut);
            }
            Stretch::Interrupted => {}
        }
    }
}

/// Waits until `poll` is ready, as [`wait`], for a turn that others have to wait for: `begin` takes a
/// place in their line. What an interrupt runs may wait for the same, so that the place is given up
/// before. `poll` is called without the lock alone: what it does may take a while.
///
/// # Errors
/// The exception of the interrupt that ended the wait.
pub(crate) fn wait_in_line<P, T>(
    ruby: &Ruby,
    mut begin: impl FnMut() -> P,
    mut poll: impl FnMut(&mut P, &mut Context<'_>) -> Poll<T>,
) -> Result<T, Error> {
    loop {
        check_interrupts()?;
        let parker = Arc::new(Parker::new());
        parker.woken.store(true, Ordering::Release);
        let mut place = begin();
        let poll = &mut |cx: &mut Context<'_>| poll(&mut place, cx);
        if let Stretch::Ready(value) = wait_uninterrupted(ruby, &parker, None, poll) {
            return Ok(value);
        }
    }
}

/// Waits until `poll` is ready, the time is up, or an interrupt comes. `poll` is called when `parker`
/// is woken.
fn wait_uninterrupted<T>(
    ruby: &Ruby,
    parker: &Arc<Parker>,
    deadline: Option<Instant>,
    poll: &mut impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Stretch<T> {
    let waker = Waker::from(parker.clone());
    let mut cx = Context::from_waker(&waker);
    let mut result = Stretch::Interrupted;
    without_gvl(ruby, parker, || {
        while !parker.interrupted.load(Ordering::Acquire) {
            // A waker that fired before the lock was gone is seen here.
            if parker.woken.swap(false, Ordering::AcqRel)
                && let Poll::Ready(value) = poll(&mut cx)
            {
                result = Stretch::Ready(value);
                return;
            }
            if !parker.park(deadline) {
                result = Stretch::TimedOut;
                return;
            }
        }
    });
    parker.interrupted.store(false, Ordering::Release);
    result
}

/// Runs `work` without the lock, and to its end: for what is short but may block a little
/// (opening a file). An interrupt is seen when it is over.
pub(crate) fn blocking<T>(ruby: &Ruby, work: impl FnOnce() -> T) -> Result<T, Error> {
    let parker = Arc::new(Parker::new());
    let mut work = Some(work);
    let mut result = None;
    while result.is_none() {
        without_gvl(ruby, &parker, || result = work.take().map(|work| work()));
        if result.is_none() {
            // An interrupt was pending, and the call did not take place.
            check_interrupts()?;
        }
    }
    Ok(result.expect("the loop ends with a result"))
}

/// Parks the thread that made it; wakers and interrupts unpark it.
struct Parker {
    thread: Thread,
    woken: AtomicBool,
    interrupted: AtomicBool,
}

impl Parker {
    fn new() -> Self {
        Self {
            thread: std::thread::current(),
            woken: AtomicBool::new(false),
            interrupted: AtomicBool::new(false),
        }
    }

    /// False once the deadline is over.
    fn park(&self, deadline: Option<Instant>) -> bool {
        if self.woken.load(Ordering::Acquire) || self.interrupted.load(Ordering::Acquire) {
            return true;
        }
        let Some(deadline) = deadline else {
            std::thread::park();
            return true;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        std::thread::park_timeout(left);
        true
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Calls `work` without the lock. It is not called when an interrupt is pending already. A
/// panic passes through: it is resumed once the lock is back.
fn without_gvl<F: FnMut()>(_ruby: &Ruby, parker: &Arc<Parker>, mut work: F) {
    struct Call<'a, F> {
        work: &'a mut F,
        panic: Option<Box<dyn std::any::Any + Send>>,
    }

    extern "C" fn run<F: FnMut()>(data: *mut c_void) -> *mut c_void {
        // SAFETY: `data` is the `Call` below, which outlives the call of `rb_nogvl`, and
        // nothing else refers to it meanwhile.
        let call = unsafe { &mut *data.cast::<Call<'_, F>>() };
        call.panic = catch_unwind(AssertUnwindSafe(&mut call.work)).err();
        std::ptr::null_mut()
    }

    extern "C" fn unblock(data: *mut c_void) {
        // SAFETY: `data` is the parker, which the caller of `without_gvl` keeps, and which is
        // made to be used from any thread. Neither statement can panic or block.
        let parker = unsafe { &*data.cast::<Parker>() };
        parker.interrupted.store(true, Ordering::Release);
        parker.thread.unpark();
    }

    let mut call = Call {
        work: &mut work,
        panic: None,
    };
    // SAFETY: the `Ruby` handle shows that this thread has the lock. With INTR_FAIL the
    // function does not raise, so nothing jumps over Rust frames; `run` catches panics.
    unsafe {
        rb_sys::rb_nogvl(
            Some(run::<F>),
            (&raw mut call).cast(),
            Some(unblock),
            Arc::as_ptr(parker).cast_mut().cast(),
            rb_sys::RB_NOGVL_INTR_FAIL as i32,
        );
    }
    if let Some(panic) = call.panic {
        resume_unwind(panic);
    }
}

/// Lets pending interrupts happen.
fn check_interrupts() -> Result<(), Error> {
    protect(|| {
        // SAFETY: called with the lock, under `protect`, with no Rust value to be dropped in
        // between.
        unsafe { rb_sys::rb_thread_check_ints() };
        rb_sys::Qnil.into()
    })
    .map(|_| ())
}
