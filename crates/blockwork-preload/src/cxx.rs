//! The operators of C++.
//!
//! Those that throw leave it to the C++ library: when there is no memory, its own
//! operator is called, which asks `malloc` again, calls the new-handler and
//! throws.
