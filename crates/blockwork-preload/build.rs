//! How the library is linked.

fn main() {
    // The destructor of a thread's heap is code of this library: it stays.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
