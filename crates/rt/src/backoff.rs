//! Waiting before trying again, and the one place that says what is worth trying again.

use std::error::Error;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tonic::{Code, Status};

/// Exponential growth from `min` to `max`, each wait lengthened by a random part of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    jitter: f64,
}

/// A backoff that would not work.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum InvalidBackoff {
    /// Waiting nothing at all would spin.
    #[error("the shortest wait is zero, expected more")]
    ZeroMin,
    /// The bounds are the wrong way round.
    #[error("the longest wait ({max:?}) is shorter than the shortest ({min:?})")]
    MaxBelowMin {
        /// The shortest wait.
        min: Duration,
        /// The longest wait.
        max: Duration,
    },
    /// The jitter is no share.
    #[error("the jitter is {jitter}, expected 0 to 1")]
    Jitter {
        /// The jitter.
        jitter: f64,
    },
}

impl Backoff {
    /// For calls between services: 100 ms growing to 5 s, lengthened by up to half.
    pub const SERVICE: Self =
        Self { min: Duration::from_millis(100), max: Duration::from_secs(5), jitter: 0.5 };

    /// Waits from `min`, doubled each time up to `max`, each lengthened by up to `jitter` (0 to 1)
    /// times itself.
    ///
    /// # Errors
    /// Bounds that contradict each other, a `min` of zero, or a `jitter` that is no share.
    pub fn new(min: Duration, max: Duration, jitter: f64) -> Result<Self, InvalidBackoff> {
        if min.is_zero() {
            Err(InvalidBackoff::ZeroMin)
        } else if max < min {
            Err(InvalidBackoff::MaxBelowMin { min, max })
        } else if !(0.0..=1.0).contains(&jitter) {
            Err(InvalidBackoff::Jitter { jitter })
        } else {
            Ok(Self { min, max, jitter })
        }
    }

    /// The wait after failure number `failures` (from 0); `random` is in `0.0..1.0`.
    #[must_use]
    pub fn delay(&self, failures: u32, random: f64) -> Duration {
        let factor = 2_u32.saturating_pow(failures.min(31));
        let base = self.min.saturating_mul(factor).min(self.max);
        base + base.mul_f64(self.jitter * random.clamp(0.0, 1.0))
    }
}

/// A random number in `0.0..1.0`, good enough to keep clients apart and no better.
#[must_use]
pub fn random() -> f64 {
    // The standard library seeds each of these anew.
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Trying the same again may succeed.
    Retry,
    /// It will not, without somebody changing something.
    GiveUp,
}

/// Errors that know whether trying again can help.
pub trait Recover {
    /// Whether trying again can help.
    fn recovery(&self) -> Recovery;
}

impl Recover for Status {
    fn recovery(&self) -> Recovery {
        // A refused certificate looks like a broken connection, and stays refused.
        if causes(self).any(|cause| cause.is::<rustls::Error>()) {
            return Recovery::GiveUp;
        }
        match self.code() {
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted => Recovery::Retry,
            // The peer says these for good, but the transport also uses them for a connection
            // that broke; only then is there a cause.
            Code::Unknown | Code::Internal | Code::Cancelled if self.source().is_some() => {
                Recovery::Retry
            }
            _ => Recovery::GiveUp,
        }
    }
}

impl Recover for tonic::transport::Error {
    fn recovery(&self) -> Recovery {
        if causes(self).any(|cause| cause.is::<rustls::Error>()) {
            Recovery::GiveUp
        } else {
            Recovery::Retry
        }
    }
}

/// Whether a call failed because the server's certificate does not have the name that was dialled.
#[must_use]
pub fn is_of_another_name(status: &Status) -> bool {
    use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
    causes(status).filter_map(|cause| cause.downcast_ref()).any(|cause| {
        matches!(
            cause,
            rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })
        )
    })
}

/// `error` and what lies under it, also inside of I/O errors, which hide what they wrap.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<std::io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

/// Calls `operation` until it succeeds or fails for good, waiting as `backoff` says in between.
/// It has no end of its own: the caller bounds it with a timeout or drops it.
///
/// # Errors
/// The first error that trying again cannot help.
pub async fn retry<T, E, F>(
    backoff: Backoff,
    mut random: impl FnMut() -> f64,
    mut operation: impl FnMut() -> F,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
    E: Recover + std::fmt::Display,
{
    let mut failures = 0;
    loop {
        match operation().await {
            Ok(value) => return Ok(value),
            Err(error) if error.recovery() == Recovery::GiveUp => return Err(error),
            Err(error) => {
                let delay = backoff.delay(failures, random());
                tracing::debug!(%error, failures, ?delay, "trying again");
                tokio::time::sleep(delay).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: Duration = Duration::from_secs(1);

    #[test]
    fn what_would_not_work_is_refused() {
        assert_eq!(Backoff::new(Duration::ZERO, SEC, 0.0), Err(InvalidBackoff::ZeroMin));
        assert_eq!(
            Backoff::new(2 * SEC, SEC, 0.0),
            Err(InvalidBackoff::MaxBelowMin { min: 2 * SEC, max: SEC })
        );
        for jitter in [-0.1, 1.1, f64::INFINITY] {
            assert_eq!(Backoff::new(SEC, SEC, jitter), Err(InvalidBackoff::Jitter { jitter }));
        }
        assert!(Backoff::new(SEC, SEC, f64::NAN).is_err());
        assert!(Backoff::new(SEC, SEC, 1.0).is_ok());
    }

    #[test]
    fn waits_double_up_to_the_longest_and_jitter_only_lengthens() {
        let backoff = Backoff::new(SEC, 6 * SEC, 0.5).unwrap();
        let waits: Vec<u64> = (0..5).map(|n| backoff.delay(n, 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 6, 6]);
        assert_eq!(backoff.delay(u32::MAX, 1.0), 9 * SEC);
        assert_eq!(backoff.delay(0, 7.0), Duration::from_millis(1500));
    }

    #[test]
    fn random_numbers_differ_and_stay_in_range() {
        let numbers: Vec<f64> = (0..100).map(|_| random()).collect();
        assert!(numbers.iter().all(|n| (0.0..1.0).contains(n)));
        assert!(numbers.windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn statuses_are_told_apart() {
        assert_eq!(Status::unavailable("").recovery(), Recovery::Retry);
        assert_eq!(Status::not_found("").recovery(), Recovery::GiveUp);
        assert_eq!(Status::permission_denied("").recovery(), Recovery::GiveUp);
        // Said by the peer.
        assert_eq!(Status::internal("").recovery(), Recovery::GiveUp);
        // Made up by the transport.
        let broken = Status::from_error(Box::new(std::io::Error::other("broken pipe")));
        assert_eq!(broken.code(), Code::Unknown);
        assert_eq!(broken.recovery(), Recovery::Retry);
        let refused = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let refused = Status::from_error(Box::new(std::io::Error::other(refused)));
        assert_eq!(refused.recovery(), Recovery::GiveUp);
    }

    #[test]
    fn a_certificate_of_another_name_is_known_for_one() {
        let refused = |why| {
            let refused = rustls::Error::InvalidCertificate(why);
            is_of_another_name(&Status::from_error(Box::new(std::io::Error::other(refused))))
        };
        assert!(refused(rustls::CertificateError::NotValidForName));
        assert!(!refused(rustls::CertificateError::Expired));
        assert!(!is_of_another_name(&Status::unavailable("")));
    }

    #[tokio::test(start_paused = true)]
    async fn tries_again_until_it_succeeds_or_cannot() {
        let start = tokio::time::Instant::now();
        let mut left = 3;
        let backoff = Backoff::new(SEC, 60 * SEC, 0.0).unwrap();
        let result = retry(
            backoff,
            || 0.0,
            || {
                left -= 1;
                let result = if left == 0 { Ok(7) } else { Err(Status::unavailable("not yet")) };
                async move { result }
            },
        );
        assert_eq!(result.await.unwrap(), 7);
        assert_eq!(start.elapsed(), 3 * SEC);

        let mut calls = 0;
        let result: Result<(), _> = retry(
            backoff,
            || 0.0,
            || {
                calls += 1;
                async { Err(Status::invalid_argument("never")) }
            },
        )
        .await;
        assert_eq!(result.unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(calls, 1);
    }
}
