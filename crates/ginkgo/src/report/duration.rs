//! Go's `time.Duration`: nanoseconds in an `i64`, and the ways Go prints them.

const SECOND: i64 = 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;

/// Seconds as Go's `Duration.Seconds` computes them: whole seconds and rest apart.
pub fn seconds(nanos: i64) -> f64 {
    (nanos / SECOND) as f64 + (nanos % SECOND) as f64 / 1e9
}

/// The nearest millisecond, halves away from zero, held at the ends of an `i64`.
pub fn round_to_millis(nanos: i64) -> i64 {
    let rest = (nanos % MILLISECOND).abs();
    let down = if nanos < 0 { nanos + rest } else { nanos - rest };
    if rest * 2 < MILLISECOND {
        down
    } else if nanos < 0 {
        down.saturating_sub(MILLISECOND)
    } else {
        down.saturating_add(MILLISECOND)
    }
}

/// `Duration.String` of Go: `1h2m3.5s`, `1.5ms`, `0s`.
pub fn display(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let total = nanos.unsigned_abs();
    let body = match total {
        0 => return "0s".to_owned(),
        1..1_000 => format!("{total}ns"),
        1_000..1_000_000 => format!("{}µs", with_fraction(total, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", with_fraction(total, 1_000_000)),
        _ => {
            let minutes = total / (60 * SECOND.unsigned_abs());
            let rest = with_fraction(total % (60 * SECOND.unsigned_abs()), SECOND.unsigned_abs());
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{rest}s"),
                (0, minutes) => format!("{minutes}m{rest}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
            }
        }
    };
    format!("{sign}{body}")
}

/// `value / unit` with all its digits and no trailing zeros; `unit` is a power of ten.
fn with_fraction(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = unit.ilog10() as usize;
    format!("{whole}.{}", format!("{rest:0digits$}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go_does() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(display(nanos), text);
        }
    }

    #[test]
    fn rounds_halves_away_from_zero() {
        for (nanos, rounded) in [
            (499_999, 0),
            (500_000, 1_000_000),
            (-500_000, -1_000_000),
            (-1_499_999, -1_000_000),
            (i64::MAX, i64::MAX),
            (i64::MIN, i64::MIN),
        ] {
            assert_eq!(round_to_millis(nanos), rounded);
        }
    }
}
