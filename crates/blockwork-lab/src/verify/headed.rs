//! A recording as the preloaded composition is asked for it: each block with the
//! words that it keeps its size in, and the composition behind a lock.

use crate::trace::{Kind, Op, Sink, Trace};

/// Every block is aligned to this at least, and has as many bytes in front.
const HEAD: u64 = 16;

/// `trace`, with the bytes that go in front of each block.
pub fn headed(trace: &Trace) -> Trace {
    let mut with = Trace { name: trace.name.clone(), ..Trace::default() };
    for image in &trace.images {
        with.image(image.path.as_bytes());
        for op in trace.ops.get(image.ops.clone()).unwrap_or_default() {
            with.op(head(*op));
        }
    }
    with
}

fn head(op: Op) -> Op {
    if op.kind == Kind::Free {
        return op;
    }
    let align_log2 = op.align_log2.max(4);
    let before = HEAD.max(1 << align_log2);
    // What no layout can have is refused as it was.
    let size = op.size.max(1).saturating_add(before).min(i64::MAX.cast_unsigned());
    Op { size, align_log2, ..op }
}

/// `spec` behind one lock.
pub fn locked(spec: &str) -> String {
    match spec.rsplit_once("; ") {
        Some((names, root)) => format!("{names}; locked over {root}"),
        None => format!("locked over {spec}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{
        spec,
        testing::{Ops, trace},
    };

    #[test]
    fn the_head_is_a_part_of_each_block() {
        let ops = Ops::new().alloc(0, 0).zeroed(1, 100).aligned(2, 50, 3).aligned(3, 50, 12).realloc(1, 200).free(0);
        let sizes: Vec<u64> = headed(&trace([ops])).ops.iter().map(|op| op.size).collect();
        assert_eq!(sizes, [17, 116, 66, 4146, 216, 0]);
        let huge = i64::MAX.cast_unsigned();
        assert_eq!(headed(&trace([Ops::new().alloc(0, huge)])).ops[0].size, huge);
    }

    #[test]
    fn the_lock_stands_before_everything() {
        for spec in ["pages", "let s = span_pool(4k) over pages; segregate(<=1k: slab(quad 16..1k) over s, else s)"] {
            let locked = locked(&spec::check(spec).unwrap());
            assert_eq!(spec::check(&locked).unwrap(), locked);
            assert!(locked.contains("locked over "), "{locked}");
        }
    }
}
