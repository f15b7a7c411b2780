//! Joining a child together with all that it has written.

use crate::child::Child;
use crate::ending::JoinError;
use crate::usage::ResourceUsage;
use crate::value::Value;

/// What a process gave, wrote and used: from [`Child::join_with_output`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Output<R> {
    /// Its value, or how it ended without one.
    pub value: Result<R, JoinError>,
    /// All that was read from its standard output; empty if that was not piped, or was taken.
    pub stdout: Vec<u8>,
    /// All that was read from its standard error; empty if that was not piped, or was taken.
    pub stderr: Vec<u8>,
    /// What it used. `None` if its fork server was killed before the process ended.
    pub usage: Option<ResourceUsage>,
}

impl<R: Value> Child<R> {
    /// Waits until the process is gone, like [`Child::join`], and collects its piped outputs
    /// meanwhile, so that it never waits for room in a pipe. The counterpart of
    /// [`std::process::Child::wait_with_output`].
    ///
    /// Output is collected until the process has ended. Descendants that go on and write into the
    /// same pipes do not delay the call, and what they write later is not collected. Memory alone
    /// bounds the size: three gigabytes of output take three gigabytes of this process's memory. A
    /// process that may write without bound should have its `stdout` taken and read in pieces, or
    /// written to a file. A plan with a [`timeout`](crate::Process::timeout) bounds the time, and its
    /// process's output up to then is collected.
    ///
    /// ```
    /// use procession::{Process, Stdio};
    ///
    /// fn work() -> u32 {
    ///     println!("working");
    ///     eprintln!("done");
    ///     7
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let plan = Process::new(work, ()).stdout(Stdio::Piped).stderr(Stdio::Piped);
    /// let output = plan.start()?.join_with_output();
    /// assert_eq!(output.value?, 7);
    /// assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"working\n"[..], &b"done\n"[..]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// As [`Child::join`].
    #[doc(alias = "wait_with_output")]
    #[doc(alias = "communicate")]
    pub fn join_with_output(mut self) -> Output<R> {
        let (value, [stdout, stderr]) = self.finish_with_output();
        let usage = self.handle().usage();
        Output { value, stdout, stderr, usage }
    }
}
