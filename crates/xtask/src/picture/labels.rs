//! Names beside what they are of, none upon another.

/// Moves places that are too close apart, as little as need be, and none out of `from..=to`; their order stays.
pub(super) fn apart(wanted: &[f64], gap: f64, from: f64, to: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    // Groups of neighbours that touch; each lies around the middle of what its members want.
    let mut groups: Vec<(f64, Vec<usize>)> = Vec::new();
    let start = |middle: f64, members: usize| {
        let height = gap * (members.saturating_sub(1)) as f64;
        (middle - height / 2.0).min(to - height).max(from)
    };
    for at in order {
        groups.push((wanted[at], vec![at]));
        while let [.., (above, before), (below, after)] = groups.as_slice() {
            let end = start(*above, before.len()) + gap * before.len() as f64;
            if end <= start(*below, after.len()) {
                break;
            }
            let members: Vec<usize> = before.iter().chain(after).copied().collect();
            // Members of one group keep their order; the mean of what they want is its middle.
            let middle = members.iter().map(|&member| wanted[member]).sum::<f64>() / members.len() as f64;
            groups.truncate(groups.len() - 2);
            groups.push((middle, members));
        }
    }
    let mut places = vec![0.0; wanted.len()];
    for (middle, members) in &groups {
        let first = start(*middle, members.len());
        for (number, &member) in members.iter().enumerate() {
            places[member] = first + gap * number as f64;
        }
    }
    places
}

/// A rectangle: left, top, right, bottom.
pub(super) type Rectangle = [f64; 4];

/// How much of two rectangles is the same.
pub(super) fn overlap(a: &Rectangle, b: &Rectangle) -> f64 {
    let wide = a[2].min(b[2]) - a[0].max(b[0]);
    let high = a[3].min(b[3]) - a[1].max(b[1]);
    wide.max(0.0) * high.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_places_are_moved_apart_and_others_stay() {
        assert_eq!(apart(&[50.0, 10.0, 90.0], 10.0, 0.0, 100.0), [50.0, 10.0, 90.0]);
        assert_eq!(apart(&[50.0, 52.0], 10.0, 0.0, 100.0), [46.0, 56.0]);
        assert_eq!(apart(&[1.0, 0.0, 2.0], 10.0, 0.0, 100.0), [10.0, 0.0, 20.0]);
        assert_eq!(apart(&[99.0, 100.0], 10.0, 0.0, 100.0), [90.0, 100.0]);
    }

    #[test]
    fn rectangles_overlap_in_what_they_share() {
        assert_eq!(overlap(&[0.0, 0.0, 2.0, 2.0], &[1.0, 1.0, 3.0, 3.0]), 1.0);
        assert_eq!(overlap(&[0.0, 0.0, 1.0, 1.0], &[2.0, 0.0, 3.0, 1.0]), 0.0);
    }
}
