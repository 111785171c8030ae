//! Keys that are nowhere but in memory, and not even there when they are done:
//! never swapped out, left out of core dumps, overwritten when freed.
//!
//! ```text
//! Secret ─► Scrubbed ─► BlockPool ─► Scrubbed ─► Pages: locked, undumped
//!           each key,   64 bytes     what is
//!           when freed  each         left, at the end
//! ```
#![expect(clippy::print_stdout, reason = "that is how a program says what it found")]

use core::{alloc::Layout, error::Error, ptr::NonNull};

use blockwork::{
    AllocError, Allocate, BlockOf, BlockPool, BlockPoolConfig, Chain, ChunkSize, ConfigError, Const, PageOptions,
    Pages, PagesWith, Quota, Scrubbed,
};

/// 16 KiB of keys at most: locked memory is scarce.
pub(crate) type Vault = Scrubbed<BlockPool<Scrubbed<Quota<PagesWith, Const<{ 16 << 10 }>>>, BlockOf<64>>>;

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = assert!(size_of::<Vault>() == 104, "docs/recipes.md says so");

pub(crate) fn vault() -> Result<Vault, ConfigError> {
    let mut options = PageOptions::DEFAULT;
    options.locked = true;
    options.undumped = true;
    let pages = Pages::with(options).capped(Const).scrubbed();
    Ok(BlockPool::try_new(pages, BlockPoolConfig { block: BlockOf, chunk: ChunkSize::Bytes(4096) })?.scrubbed())
}

/// A key in the vault.
struct Secret<'v> {
    bytes: NonNull<[u8; 32]>,
    vault: &'v Vault,
}

impl<'v> Secret<'v> {
    const LAYOUT: Layout = Layout::new::<[u8; 32]>();

    /// A key that `fill` makes where it stays: it is never on the stack.
    fn new(vault: &'v Vault, fill: impl FnOnce(&mut [u8; 32])) -> Result<Self, AllocError> {
        let mut bytes = vault.allocate_zeroed(Self::LAYOUT)?.cast();
        // SAFETY: just allocated with this layout, all zero.
        fill(unsafe { bytes.as_mut() });
        Ok(Self { bytes, vault })
    }

    fn expose(&self) -> &[u8; 32] {
        // SAFETY: zeroed and filled by `new`, and ours.
        unsafe { self.bytes.as_ref() }
    }
}

impl Drop for Secret<'_> {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and not used again.
        unsafe { self.vault.deallocate(self.bytes.cast(), Self::LAYOUT) };
    }
}

/// What the kernel says about the pages at `address`, where it says anything:
/// `lo` is locked, `dd` is left out of dumps.
fn flags(address: usize) -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/smaps").ok()?;
    let mut is_here = false;
    for line in maps.lines() {
        let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
        let ends = range.map(|(start, end)| (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16)));
        if let Some((Ok(start), Ok(end))) = ends {
            is_here = (start..end).contains(&address);
        } else if is_here && let Some(flags) = line.strip_prefix("VmFlags: ") {
            return Some(flags.to_owned());
        }
    }
    None
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let vault = vault()?;
    println!("state: {} bytes", size_of::<Vault>());
    let key = Secret::new(&vault, |key| key.copy_from_slice(b"correct horse battery staple 123"))?;
    let sum: u32 = key.expose().iter().copied().map(u32::from).sum();
    println!("a key with the sum {sum}; its page: {}", flags(key.bytes.addr().get()).as_deref().unwrap_or("unknown"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_of_a_freed_key_is_left() {
        let vault = vault().unwrap();
        let key = Secret::new(&vault, |key| key.fill(7)).unwrap();
        let place = key.bytes.cast::<u8>();
        drop(key);
        // The pool's page stays mapped. Its first word is a link of the pool's.
        let again = vault.allocate(Secret::LAYOUT).unwrap();
        assert_eq!(again, place);
        for at in size_of::<usize>()..Secret::LAYOUT.size() {
            // SAFETY: within the block that was just allocated again; it was zeroed when the key was made.
            let byte = unsafe { place.add(at) };
            // SAFETY: as above.
            assert_eq!(unsafe { byte.read() }, 0);
        }
        // SAFETY: just allocated with this layout.
        unsafe { vault.deallocate(again, Secret::LAYOUT) };
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_keeps_the_page_in_memory_and_out_of_dumps() {
        let vault = vault().unwrap();
        let key = Secret::new(&vault, |_| {}).unwrap();
        if let Some(flags) = flags(key.bytes.addr().get()) {
            let flags: Vec<_> = flags.split(' ').collect();
            assert!(flags.contains(&"lo") && flags.contains(&"dd"), "{flags:?}");
        }
    }

    #[test]
    fn a_full_vault_is_an_error() {
        let vault = vault().unwrap();
        let keys: Vec<_> = (0..1000).map_while(|_| Secret::new(&vault, |_| {}).ok()).collect();
        assert!((100..=256).contains(&keys.len()), "{}", keys.len());
    }
}
