//! Reads one field of an X.509 certificate: until when it is valid (RFC 5280, section 4.1).
//!
//! A certificate library would be a large dependency for one date that is only used to word an
//! error better.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The `notAfter` of the first certificate in a PEM text; `None` if there is none to be read.
pub(crate) fn not_after(pem: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(pem).ok()?;
    let body = text
        .split_once("-----BEGIN CERTIFICATE-----")?
        .1
        .split_once("-----END CERTIFICATE-----")?
        .0;
    let compact: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    not_after_of_der(&STANDARD.decode(compact).ok()?)
}

fn not_after_of_der(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = value(der, SEQUENCE)?;
    let (mut tbs, _) = value(certificate, SEQUENCE)?;
    if tbs.first() == Some(&EXPLICIT_VERSION) {
        tbs = skip(tbs)?;
    }
    // serialNumber, signature, issuer.
    for _ in 0..3 {
        tbs = skip(tbs)?;
    }
    let (validity, _) = value(tbs, SEQUENCE)?;
    let not_after = skip(validity)?;
    let tag = *not_after.first()?;
    let (text, _) = value(not_after, tag)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME if digits.len() == 12 && digits.is_ascii() => {
            let year: i16 = digits[..2].parse().ok()?;
            // RFC 5280, section 4.1.2.5.1: 50 and above is the last century.
            (if year >= 50 { 1900 + year } else { 2000 + year }, &digits[2..])
        }
        GENERALIZED_TIME if digits.len() == 14 && digits.is_ascii() => {
            (digits[..4].parse().ok()?, &digits[4..])
        }
        _ => return None,
    };
    let part = |at: usize| rest[at..at + 2].parse::<i8>().ok();
    let civil = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The content of the element at the head of `data`, if it has this tag, and what follows it.
fn value(data: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    if *data.first()? != tag {
        return None;
    }
    let first = usize::from(*data.get(1)?);
    let (length, header) = if first < 0x80 {
        (first, 2)
    } else {
        let count = first - 0x80;
        if count == 0 || count > 4 {
            return None;
        }
        let length =
            data.get(2..2 + count)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        (length, 2 + count)
    };
    let end = header.checked_add(length)?;
    Some((data.get(header..end)?, data.get(end..)?))
}

fn skip(data: &[u8]) -> Option<&[u8]> {
    value(data, *data.first()?).map(|(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(year: i32) -> String {
        let mut params = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 2, 3);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        // RFC 5280 wants UTCTime until 2049 and GeneralizedTime after.
        for year in [2020, 2049, 2051] {
            let expected: Timestamp = format!("{year}-02-03T00:00:00Z").parse().unwrap();
            assert_eq!(not_after(pem(year).as_bytes()), Some(expected));
        }
    }

    #[test]
    fn rubbish_gives_nothing_and_never_panics() {
        assert_eq!(not_after(b""), None);
        assert_eq!(
            not_after(b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"),
            None
        );
        let good = pem(2030);
        let body = good.lines().filter(|l| !l.starts_with('-')).collect::<String>();
        let der = STANDARD.decode(body).unwrap();
        for cut in 0..der.len() {
            let _ = not_after_of_der(&der[..cut]);
        }
    }
}
