//! Prometheus, and what it scrapes.

use crate::stack::Stack;

const ALL: &str = "compose-services.product";
const TARGETS: &str = "prometheus-query.targets";

#[test]
fn a_target_that_is_down_is_named() {
    let stack = Stack::alone();
    stack.act("kill", "api");
    let said = stack.until(|said| said.status(TARGETS) == "critical");
    said.is(TARGETS, "critical", &["api", "is down", "1 of 2 targets are up"]).is(ALL, "critical", &["137 (killed)"]);
    said.follow(ALL, &[TARGETS, "http.api", "http.api-is-closed"]).rest_is_fine();
    stack.heal();
    stack.until_fine();
}

#[test]
fn a_prometheus_that_is_frozen_or_gone_is_critical_and_the_product_serves_on() {
    let stack = Stack::alone();
    stack.docker(&["kill", "--signal", "STOP", &stack.container("prometheus")]);
    let said = stack.look_with(|checks| checks.replace("timeout = \"8s\"", "timeout = \"3s\""));
    said.is(ALL, "critical", &["prometheus", "first process is stopped by a signal"]);
    said.is(TARGETS, "critical", &["does not answer"]).follow(ALL, &[TARGETS]).rest_is_fine();
    stack.docker(&["kill", "--signal", "CONT", &stack.container("prometheus")]);
    stack.act("stop", "prometheus");
    let said = stack.look();
    said.is(TARGETS, "critical", &["is exited"])
        .follow(ALL, &[TARGETS])
        .is(ALL, "critical", &["7 of 8"])
        .rest_is_fine();
    stack.heal();
    stack.until_fine();
}
