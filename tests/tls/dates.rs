//! Dates: past, future, far, and those of the certificates above.

use selx_core::Status;

use crate::run::{named, run, run_at, trusted};
use crate::zoo::{DAY, NOW, Server, dates, root};

#[tokio::test]
async fn c01_expired_and_not_yet_valid() {
    let root = root("Test Root");
    let (_folder, ca) = trusted(&root);
    for (from, to, codes, words) in [
        (-90 * DAY, -3 * DAY, &["expired", "limit-remaining"][..], &["expired 3d ago, at 2026-11-20T02:30:00Z"][..]),
        (
            -90 * DAY,
            -3600,
            &["expired", "limit-remaining"],
            &["expired 1h ago", "less than a day", "clock of this machine"],
        ),
        (2 * DAY, 90 * DAY, &["not-yet-valid"], &["not valid before 2026-11-25T02:30:00Z, in 2d"]),
        (3 * 3600, 90 * DAY, &["not-yet-valid"], &["in 3h", "clock of this machine"]),
    ] {
        let server = Server::of(&root.site(&["x.example"], dates(from, to))).await;
        let looked = run(named("x.example", server.address, &ca)).await;
        looked.expect(Status::Critical, codes, words);
    }
}

#[tokio::test]
async fn c01_an_expired_certificate_still_tells_its_other_faults() {
    let root = root("Test Root");
    let other = crate::zoo::root("Other Root");
    let (_folder, ca) = trusted(&other);
    let site = root.site(&["a.example"], dates(-90 * DAY, -3 * DAY)).with(&root);
    let server = Server::of(&site).await;
    let looked = run(named("b.example", server.address, &ca)).await;
    looked.expect(
        Status::Critical,
        &["expired", "limit-remaining", "name-mismatch", "unknown-issuer"],
        &["for a.example, not for b.example", "CN=Test Root"],
    );
}

#[tokio::test]
async fn c02_an_intermediate_is_graded_like_the_leaf() {
    let root = root("Test Root");
    let (_folder, ca) = trusted(&root);
    let old = root.intermediate("Old CA", dates(-900 * DAY, -DAY * 2));
    let server = Server::of(&old.site(&["x.example"], |_| {}).with(&old)).await;
    run(named("x.example", server.address, &ca)).await.expect(
        Status::Critical,
        &["expired", "limit-issuer-remaining"],
        &["its issuer certificate `CN=Old CA` expired 2d ago"],
    );
    for (days, status, level) in [(5, Status::Critical, "critical"), (20, Status::Warning, "warning")] {
        let soon = root.intermediate("Soon CA", dates(-900 * DAY, DAY * days));
        let server = Server::of(&soon.site(&["x.example"], |_| {}).with(&soon)).await;
        run(named("x.example", server.address, &ca)).await.expect(status, &["limit-issuer-remaining"], &[level]);
    }
}

#[tokio::test]
async fn c20_short_lived_certificates_are_judged_by_their_lifetime() {
    let root = root("Test Root");
    let (_folder, ca) = trusted(&root);
    // Six days of lifetime: a third is two days, a tenth is half a day.
    for (left, status, codes) in [
        (4 * DAY, Status::Ok, &[][..]),
        (DAY, Status::Warning, &["limit-remaining"]),
        (DAY / 2, Status::Critical, &["limit-remaining"]),
    ] {
        let server = Server::of(&root.site(&["x.example"], dates(left - 6 * DAY, left))).await;
        run(named("x.example", server.address, &ca)).await.expect(status, codes, &[]);
    }
    // Ninety days: three weeks and one week.
    for (left, status, codes) in [
        (22 * DAY, Status::Ok, &[][..]),
        (20 * DAY, Status::Warning, &["limit-remaining"]),
        (6 * DAY, Status::Critical, &["limit-remaining"]),
    ] {
        let server = Server::of(&root.site(&["x.example"], dates(left - 90 * DAY, left))).await;
        run(named("x.example", server.address, &ca)).await.expect(status, codes, &[]);
    }
}

#[tokio::test]
async fn c21_far_dates_are_right() {
    let root = root("Test Root");
    let (_folder, ca) = trusted(&root);
    for (to, shown) in [
        (2_147_483_648, "2038-01-19T03:14:08Z"),
        (2_556_057_600, "2050-12-31T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
        (1_835_481_599, "2028-02-29T23:59:59Z"),
    ] {
        let server = Server::of(&root.site(&["x.example"], dates(-DAY, to - NOW))).await;
        run(named("x.example", server.address, &ca)).await.expect(Status::Ok, &[], &[shown]);
    }
    // Time goes on: the same server in 2049.
    let server = Server::of(&root.site(&["x.example"], dates(-DAY, 2_147_483_648 - NOW))).await;
    let looked =
        run_at(named("x.example", server.address, &ca), 2_500_000_000, std::time::Duration::from_secs(5)).await;
    looked.expect(Status::Critical, &["expired", "limit-remaining"], &["expired 4080d"]);
}
