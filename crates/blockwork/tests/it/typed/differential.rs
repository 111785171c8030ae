//! A list against `Vec`, operation by operation.

use blockwork::testing::When;
use proptest::{collection::vec, prelude::*};

use super::{
    element::{Aligned, Marker, Token},
    heaps::{Coarse, Exact, Roomy, Wide},
    steps::{Hint, Op, run},
};

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let at = || 0..24_usize;
    let number = || 0..6_u32;
    let numbers = || vec(number(), 0..12);
    let hint = || prop_oneof![Just(Hint::True), Just(Hint::Nothing), Just(Hint::TooMuch), Just(Hint::TooLittle)];
    let add = prop_oneof![
        6 => number().prop_map(Op::Push),
        2 => number().prop_map(Op::PushWithin),
        3 => (at(), number()).prop_map(|(at, n)| Op::Insert(at, n)),
        1 => (at(), number()).prop_map(|(at, n)| Op::InsertWithin(at, n)),
        2 => (at(), numbers()).prop_map(|(at, n)| Op::InsertSlice(at, n)),
        2 => (at(), 0..9_usize, number()).prop_map(|(at, count, n)| Op::InsertN(at, count, n)),
        3 => (at(), 0..9_usize, 0..12_u32).prop_map(|(at, count, fill)| Op::InsertSlots(at, count, fill)),
        2 => (numbers(), hint()).prop_map(|(n, hint)| Op::Extend(n, hint)),
        2 => numbers().prop_map(Op::ExtendSlice),
        1 => numbers().prop_map(Op::ExtendSliceWithin),
        1 => (at(), at()).prop_map(|(a, b)| Op::ExtendWithin(a, b)),
        1 => numbers().prop_map(Op::Append),
        1 => (at(), number()).prop_map(|(len, n)| Op::Resize(len, n)),
        1 => at().prop_map(Op::ResizeWith),
    ];
    let take = prop_oneof![
        2 => Just(Op::Pop),
        1 => number().prop_map(Op::PopIf),
        2 => at().prop_map(Op::Remove),
        2 => at().prop_map(Op::SwapRemove),
        1 => at().prop_map(Op::Truncate),
        1 => Just(Op::Clear),
        3 => (at(), at(), 0..6_usize, 0..6_usize).prop_map(|(a, b, front, back)| Op::Drain(a, b, front, back)),
        3 => (at(), at(), 0..6_usize).prop_map(|(a, b, front)| Op::SwapDrain(a, b, front)),
        1 => (1..4_u32).prop_map(Op::Retain),
        1 => (1..4_u32).prop_map(Op::Dedup),
        2 => (at(), at(), 1..4_u32, at()).prop_map(|(a, b, by, take)| Op::ExtractIf(a, b, by, take)),
        3 => (at(), at(), numbers(), hint()).prop_map(|(a, b, n, hint)| Op::Splice(a, b, n, hint)),
        2 => (at(), at(), numbers()).prop_map(|(a, b, n)| Op::ReplaceRange(a, b, n)),
        1 => at().prop_map(Op::SplitOff),
    ];
    let turn = prop_oneof![
        Just(Op::Clone),
        numbers().prop_map(Op::CloneFrom),
        (0..80_usize).prop_map(Op::Reserve),
        (0..80_usize).prop_map(Op::ReserveExact),
        (0..80_usize).prop_map(Op::ReserveInPlace),
        (0..80_usize).prop_map(Op::ShrinkTo),
        (0..80_usize).prop_map(Op::ShrinkInPlace),
        Just(Op::Slice),
        Just(Op::Uninit),
        Just(Op::RawParts),
        (0..9_usize, 0..9_usize).prop_map(|(front, back)| Op::IntoIter(front, back)),
    ];
    vec(prop_oneof![5 => add, 3 => take, 2 => turn], 0..60)
}

macro_rules! differential {
    ($($name:ident: $element:ty, $heap:ty;)*) => {$(
        mod $name {
            use super::*;

            proptest! {
                #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

                #[test]
                fn acts_like_a_vec(ops in ops()) {
                    run::<$element, $heap>(&ops, When::Never);
                }

                #[test]
                fn acts_like_a_vec_or_not_at_all_when_requests_fail(ops in ops(), every in 1..5_usize) {
                    run::<$element, $heap>(&ops, When::Every(every));
                }
            }
        }
    )*};
}

differential! {
    bytes_exact: u8, Exact;
    bytes_roomy: u8, Roomy;
    tokens_exact: Token, Exact;
    tokens_coarse: Token, Coarse;
    tokens_roomy: Token, Roomy;
    tokens_wide: Token, Wide;
    aligned_exact: Aligned, Exact;
    aligned_roomy: Aligned, Roomy;
    markers: Marker, Exact;
    nothings: (), Wide;
}
