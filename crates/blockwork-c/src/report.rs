//! [`Teller`]: what a checked part finds, told to C.

use core::{
    ffi::{c_char, c_void},
    fmt::{self, Write},
};

use blockwork::{Finding, combine::on_failure::Stop};

use crate::error::{Text, contain};

/// Is told of a mistake, in words; when it returns, the program goes on.
pub type Report = unsafe extern "C-unwind" fn(*mut c_void, *const c_char);

/// Tells a function of the caller's, or ends the program.
pub(crate) struct Teller {
    report: Option<Report>,
    context: *mut c_void,
}

impl Teller {
    pub(crate) const fn new(report: Option<Report>, context: *mut c_void) -> Self {
        Self { report, context }
    }
}

impl blockwork::Report for Teller {
    fn report(&self, finding: Finding<'_>) {
        let Some(report) = self.report else { return blockwork::Report::report(&Stop, finding) };
        let mut text = Text::<1024>::new();
        let _cut = write!(text, "{finding}");
        contain(|| {
            // SAFETY: the caller's own function, with its context.
            unsafe { report(self.context, text.as_ptr()) }
        });
    }
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teller").finish_non_exhaustive()
    }
}
