//! An allocator of std comes in through a translation.

fn main() {
    let _heap = blockwork::Memo::new(std::alloc::System, 1024);
}
