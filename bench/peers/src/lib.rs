//! Nothing: only the packages that `Cargo.toml` names matter; see `cargo xtask peers`.
