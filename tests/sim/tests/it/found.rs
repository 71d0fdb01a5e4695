//! Seeds that found something, by what was wrong. The cores have tests of their own for each; these
//! show that the worlds which led there still end well.

use multibeam_sim::run;

#[track_caller]
fn ends_well(seed: u64) {
    assert_eq!(run(seed, None).broken, None, "seed {seed}");
}

/// Two standbys claimed office before the first claim was applied. The leader looked only at what
/// was applied, admitted both, and for a moment two coordinators were in office.
#[test]
fn two_first_claims_at_a_time() {
    ends_well(14);
}

/// A coordinator woke up while the claim of its successor was on its way through the log, and the
/// leader told it that it is in office: it renewed leases that its successor took to be over.
#[test]
fn a_sign_of_life_beside_a_claim() {
    ends_well(2_022);
}

/// A worker was given up, its attempt was lost and handed out again, and then the loss turned out to
/// be void. The ledger refused the second attempt, and its process waited for it for ever.
#[test]
fn a_promise_that_a_void_loss_broke() {
    ends_well(1_002);
}

/// A failed spec was sealed, and its worker was killed before it told. The loss was void, and the
/// scheduler took the group for passed, because no failure had been heard of.
#[test]
fn a_failure_that_only_the_ledger_knows() {
    ends_well(206);
}

/// Office was taken by force from a coordinator that was cut off from the aggregators. A worker had
/// greeted the new one and not been answered, went back to the old one, and had its lease renewed
/// there; the new one gave it up as if nobody else could have done that.
#[test]
fn a_lease_that_the_coordinator_before_renewed() {
    ends_well(1_370);
}
