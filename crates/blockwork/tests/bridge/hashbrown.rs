//! hashbrown's map on our allocators, by allocator-api2 0.2.

use core::mem::MaybeUninit;

use blockwork::{Buffer, Chain, System};
use hashbrown::{DefaultHashBuilder, HashMap};

use super::parts::Coarse;

#[test]
fn a_map_lives_on_a_composition() {
    let mut memory = [MaybeUninit::uninit(); 1024];
    let heap = Buffer::new(&mut memory).or_else(System).counted();
    let mut map = HashMap::with_hasher_in(DefaultHashBuilder::default(), &heap);
    for number in 0..1000_u32 {
        map.insert(number, number.to_string());
    }
    map.retain(|number, _| number % 3 == 0);
    map.shrink_to_fit();
    for number in 0..1000_u32 {
        assert_eq!(map.get(&number).is_some(), number % 3 == 0);
    }
    drop(map);
    assert_eq!(heap.counts().bytes_live, 0);
}

#[test]
fn a_map_grows_into_the_excess_and_frees_it_in_full() {
    let (exact, coarse) = (System.counted(), Coarse(System).counted());
    let hasher = DefaultHashBuilder::default();
    let tight = HashMap::<u8, u8, _, _>::with_capacity_and_hasher_in(3, hasher.clone(), &exact);
    let roomy = HashMap::<u8, u8, _, _>::with_capacity_and_hasher_in(3, hasher, &coarse);
    assert!(tight.capacity() < roomy.capacity());
    drop((tight, roomy));
    assert_eq!((exact.counts().bytes_live, coarse.counts().bytes_live), (0, 0));
}
