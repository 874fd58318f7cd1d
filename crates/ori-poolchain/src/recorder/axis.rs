//! [`Axis`]: from times to pixels, with marks at round times; and how figures are written.

/// The units of an axis, in nanoseconds, and the steps that are round in them.
const UNITS: [(u64, &str, &[u64]); 6] = [
    (1, "ns", &[1, 2, 5, 10, 20, 50, 100, 200, 500]),
    (1_000, "µs", &[1, 2, 5, 10, 20, 50, 100, 200, 500]),
    (1_000_000, "ms", &[1, 2, 5, 10, 20, 50, 100, 200, 500]),
    (1_000_000_000, "s", &[1, 2, 5, 10, 20, 30]),
    (60_000_000_000, "min", &[1, 2, 5, 10, 20, 30]),
    (3_600_000_000_000, "h", &[1, 2, 6, 12, 24, 48, 120, 240, 480, 960]),
];
/// The most marks along an axis.
const MOST_MARKS: u64 = 10;

/// Time from left to right.
#[derive(Copy, Clone, Debug)]
pub(super) struct Axis {
    pub(super) left: f64,
    pub(super) width: f64,
    /// What is at the right end, in nanoseconds.
    pub(super) end: u64,
}

impl Axis {
    /// Where a time is.
    pub(super) fn place(&self, at: u64) -> f64 {
        self.left + self.width * (at as f64 / self.end.max(1) as f64).min(1.0)
    }

    /// Round times along it, with their names.
    pub(super) fn marks(&self) -> Vec<(u64, String)> {
        let steps = UNITS
            .iter()
            .flat_map(|(unit, name, steps)| steps.iter().map(move |step| (unit, name, step * unit)));
        let mut fitting = steps.filter(|(.., step)| self.end / step <= MOST_MARKS);
        let Some((unit, name, step)) = fitting.next() else { return Vec::new() };
        // 0.5 s rather than 500 ms where others are whole seconds; minutes and hours are not decimal.
        let decimal = UNITS.iter().rev().find(|(unit, ..)| *unit <= self.end && *unit <= 1_000_000_000);
        let (unit, name) = match decimal {
            Some((larger, name, _)) if larger > unit => (larger, name),
            _ => (unit, name),
        };
        let name_of = |at: u64| match at {
            0 => "0".to_owned(),
            at => format!("{} {name}", at as f64 / *unit as f64),
        };
        (0..=self.end / step).map(|mark| (mark * step, name_of(mark * step))).collect()
    }
}

/// A time as people write it.
pub(super) fn time(nanos: u64) -> String {
    let seconds = nanos as f64 / 1e9;
    match nanos {
        0 => "0 s".to_owned(),
        1..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{:.1} µs", seconds * 1e6),
        1_000_000..1_000_000_000 => format!("{:.1} ms", seconds * 1e3),
        1_000_000_000..60_000_000_000 => format!("{seconds:.2} s"),
        60_000_000_000..3_600_000_000_000 => {
            format!("{} min {} s", nanos / 60_000_000_000, nanos / 1_000_000_000 % 60)
        }
        _ => format!("{} h {} min", nanos / 3_600_000_000_000, nanos / 60_000_000_000 % 60),
    }
}

/// A number with its thousands set apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things.
pub(super) fn things(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_neither_few_nor_many() {
        for end in [3, 40, 999, 1_000, 7_654_321, 61_000_000_000, 5_000_000_000_000, 86_400_000_000_000 * 7] {
            let axis = Axis { left: 100.0, width: 700.0, end };
            let marks = axis.marks();
            assert!((3..=11).contains(&marks.len()), "{end}: {marks:?}");
            assert!(marks.iter().all(|(at, _)| *at <= end));
            assert_eq!(marks[0].1, "0");
        }
    }

    #[test]
    fn the_marks_of_an_axis_have_one_unit() {
        let names = |end| {
            let axis = Axis { left: 0.0, width: 1.0, end };
            axis.marks().into_iter().map(|(_, name)| name).take(4).collect::<Vec<_>>()
        };
        assert_eq!(names(4_980_000_000), ["0", "0.5 s", "1 s", "1.5 s"]);
        assert_eq!(names(680_000_000), ["0", "100 ms", "200 ms", "300 ms"]);
        assert_eq!(names(100_000_000_000), ["0", "10 s", "20 s", "30 s"]);
        assert_eq!(names(7_000_000_000_000), ["0", "20 min", "40 min", "60 min"]);
    }

    #[test]
    fn times_have_their_places() {
        let axis = Axis { left: 100.0, width: 700.0, end: 1000 };
        assert_eq!([0, 500, 1000, 2000].map(|at| axis.place(at)), [100.0, 450.0, 800.0, 800.0]);
    }

    #[test]
    fn figures_are_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [17, 1_500, 2_000_000, 2_500_000_000, 61_000_000_000, 3_660_000_000_000].map(time),
            ["17 ns", "1.5 µs", "2.0 ms", "2.50 s", "1 min 1 s", "1 h 1 min"]
        );
        assert_eq!(things(1, "item", "items"), "1 item");
    }
}
