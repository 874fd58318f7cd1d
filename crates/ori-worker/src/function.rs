//! [`TaskFn`] and [`InitializerOutcome`]: what a function that workers run may look like.

/// A function of up to 8 arguments that a worker process can run: a `fn` item or a closure that
/// captures nothing.
///
/// Implemented for every such function; `Args` is the tuple of its arguments. A closure that
/// captures is not `Copy` or has a size, and does not compile where a task is made of it.
///
/// ```
/// fn call<Args, F: ori_worker::TaskFn<Args>>(f: F, arguments: Args) -> F::Output {
///     f.call(arguments)
/// }
/// assert_eq!(call(|a: i32, b: i32| a + b, (1, 2)), 3);
/// ```
pub trait TaskFn<Args>: Copy + Send + Sync + 'static {
    /// What the function gives.
    type Output;

    /// Calls it with the arguments of the tuple.
    fn call(&self, arguments: Args) -> Self::Output;
}

macro_rules! task_fn {
    ($($argument:ident)*) => {
        impl<F, R, $($argument,)*> TaskFn<($($argument,)*)> for F
        where
            F: Fn($($argument),*) -> R + Copy + Send + Sync + 'static,
        {
            type Output = R;

            #[expect(non_snake_case, reason = "one name serves as type and as variable")]
            #[inline]
            fn call(&self, ($($argument,)*): ($($argument,)*)) -> R {
                self($($argument),*)
            }
        }
    };
}
// With no argument there is no variable whose name could be in the wrong case.
impl<F, R> TaskFn<()> for F
where
    F: Fn() -> R + Copy + Send + Sync + 'static,
{
    type Output = R;

    #[inline]
    fn call(&self, (): ()) -> R {
        self()
    }
}
task_fn!(A1);
task_fn!(A1 A2);
task_fn!(A1 A2 A3);
task_fn!(A1 A2 A3 A4);
task_fn!(A1 A2 A3 A4 A5);
task_fn!(A1 A2 A3 A4 A5 A6);
task_fn!(A1 A2 A3 A4 A5 A6 A7);
task_fn!(A1 A2 A3 A4 A5 A6 A7 A8);

/// What an initializer gives: nothing, or a `Result` whose error fails the tasks of the pool.
///
/// ```
/// fn check(_: impl ori_worker::InitializerOutcome) {}
/// check(());
/// check("7".parse::<i32>().map(drop));
/// ```
pub trait InitializerOutcome {
    /// The error as text.
    ///
    /// # Errors
    /// The initializer's own error.
    fn into_result(self) -> Result<(), String>;
}

impl InitializerOutcome for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: std::fmt::Display> InitializerOutcome for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}
