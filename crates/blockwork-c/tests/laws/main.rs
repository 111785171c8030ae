//! Every part through every law of the contract, as C has it: over functions of
//! the caller's, and called by the functions of the header.

#[cfg(test)]
mod through_c;
