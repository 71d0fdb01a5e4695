//! Between the API's Lease object and [`LeaseView`].

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use super::LockSettings;
use super::decide::LeaseView;

const RUN: &str = "multibeam.io/run";
const MEMBERS: &str = "multibeam.io/members";

/// Reads a Lease; one that other programs wrote has no run.
pub(crate) fn read(lease: &Lease) -> LeaseView {
    let spec = lease.spec.clone().unwrap_or_default();
    let annotation = |key: &str| lease.metadata.annotations.as_ref().and_then(|all| all.get(key));
    let members: BTreeMap<String, Timestamp> =
        annotation(MEMBERS).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    LeaseView {
        holder: spec.holder_identity.unwrap_or_default(),
        run: annotation(RUN).cloned(),
        members,
        renewed: spec.renew_time.map(|time| time.0),
        duration: Duration::from_secs(
            spec.lease_duration_seconds.unwrap_or(0).max(0).unsigned_abs().into(),
        ),
    }
}

/// The object to write for `view`: `previous` with the changes, so that its resourceVersion makes
/// the API server refuse the write when anybody else wrote in between.
pub(crate) fn write(previous: Option<&Lease>, view: &LeaseView, settings: &LockSettings) -> Lease {
    let mut lease = previous.cloned().unwrap_or_else(|| Lease {
        metadata: ObjectMeta {
            name: Some(settings.name.clone()),
            namespace: Some(settings.namespace.clone()),
            ..ObjectMeta::default()
        },
        spec: None,
    });
    let before = lease.spec.take().unwrap_or_default();
    let same =
        previous.is_some() && before.holder_identity.as_deref() == Some(view.holder.as_str());
    let annotations = lease.metadata.annotations.get_or_insert_default();
    let members = serde_json::to_string(&view.members).expect("a map of texts always becomes JSON");
    annotations.insert(MEMBERS.to_owned(), members);
    if let Some(run) = &view.run {
        annotations.insert(RUN.to_owned(), run.clone());
    }
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(view.holder.clone()),
        lease_duration_seconds: Some(i32::try_from(view.duration.as_secs()).unwrap_or(i32::MAX)),
        renew_time: view.renewed.map(MicroTime),
        acquire_time: if same { before.acquire_time } else { view.renewed.map(MicroTime) },
        lease_transitions: match (same, previous) {
            (true, _) => before.lease_transitions,
            (false, None) => Some(0),
            (false, Some(_)) => Some(before.lease_transitions.unwrap_or(0).saturating_add(1)),
        },
        ..before
    });
    lease
}

#[cfg(test)]
mod tests {
    use super::super::Member;
    use super::super::decide::renewed;
    use super::*;

    fn member(run: &str) -> Member {
        Member { run: run.into(), host: "h".into(), worker: "w".into() }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let settings = LockSettings::default();
        let view = renewed(now, None, settings.duration, &member("r1"));
        let lease = write(None, &view, &settings);
        assert_eq!(lease.metadata.name.as_deref(), Some("multibeam-run"));
        assert_eq!(lease.metadata.namespace.as_deref(), Some("kube-system"));
        let text = serde_json::to_string(&lease).unwrap();
        assert_eq!(read(&serde_json::from_str(&text).unwrap()), view);
    }

    #[test]
    fn a_change_of_holder_is_counted_and_dated() {
        let settings = LockSettings::default();
        let first = Timestamp::from_second(1_700_000_000).unwrap();
        let later = Timestamp::from_second(1_700_000_100).unwrap();
        let one = write(None, &renewed(first, None, settings.duration, &member("r1")), &settings);
        let again = write(
            Some(&one),
            &renewed(later, Some(&read(&one)), settings.duration, &member("r1")),
            &settings,
        );
        let spec = again.spec.clone().unwrap();
        assert_eq!((spec.lease_transitions, spec.acquire_time), (Some(0), Some(MicroTime(first))));
        let two = write(
            Some(&again),
            &renewed(later, Some(&read(&again)), settings.duration, &member("r2")),
            &settings,
        );
        let spec = two.spec.unwrap();
        assert_eq!((spec.lease_transitions, spec.acquire_time), (Some(1), Some(MicroTime(later))));
    }

    #[test]
    fn odd_leases_are_read_without_complaint() {
        let view = read(&Lease::default());
        assert_eq!((view.holder.as_str(), view.run, view.duration), ("", None, Duration::ZERO));
    }
}
