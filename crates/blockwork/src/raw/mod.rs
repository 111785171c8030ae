//! Unsafe shapes without policy: they know neither `Allocate` nor a parent.
