//! The conformance harness and its adversaries.
