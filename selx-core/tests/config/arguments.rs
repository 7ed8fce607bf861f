//! Checks of the command line, the words for their flags, the schema, and what discovery proposes.

use std::time::Duration;

use selx_core::config::{from_arguments, from_proposals, proposals_text, schema, settings_of};
use selx_core::{Check as _, Instance, Proposal};
use serde_json::{Value, json};

use crate::kinds::{Disk, Web, registry};

fn pairs(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn web(settings: &[(&str, &str)]) -> Result<Instance, String> {
    from_arguments(&registry(), "web", "cli", &pairs(settings), &[], None).map_err(|errors| errors.to_string())
}

#[test]
fn values_are_typed_by_the_schema() {
    let made = web(&[
        ("url", "https://example.org/a,b?x=\"y\""),
        ("port", "0443"),
        ("expect.status", "200"),
        ("expect.also", "301, 302"),
        ("expect.max-body", "10KiB"),
        ("headers.X-Number", "5"),
        ("headers.Odd Name", "new\nline"),
        ("servers", "{ host = \"a\", port = 1 }"),
        ("servers", "{ host = \"b\", port = 2 }"),
        ("verify", "true"),
        ("sample", "3"),
        ("family", "ipv6"),
        ("login", "env:LOGIN"),
    ]);
    let made = made.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(made.full_name(), "web.cli");
    assert_eq!(
        made.with,
        json!({
            "url": "https://example.org/a,b?x=\"y\"", "port": 443,
            "expect": { "status": 200, "also": [301, 302], "max-body": "10KiB" },
            "headers": { "X-Number": "5", "Odd Name": "new\nline" },
            "servers": [{ "host": "a", "port": 1 }, { "host": "b", "port": 2 }],
            "verify": true, "sample": 3, "family": "ipv6", "login": "env:LOGIN"
        })
    );
    let disk = |settings: &[(&str, &str)]| {
        let made = from_arguments(&registry(), "disk", "d", &pairs(settings), &[], None);
        made.unwrap_or_else(|errors| panic!("{errors}")).with
    };
    assert_eq!(disk(&[("paths", "/,/var")]), json!({ "paths": ["/", "/var"] }));
    assert_eq!(disk(&[("paths", "/a,b"), ("paths", "/c")]), json!({ "paths": ["/a,b", "/c"] }));
    assert_eq!(disk(&[("paths", "[\"/a,b\"]")]), json!({ "paths": ["/a,b"] }));
    // A variable that was not set is not the wish for an empty list.
    assert_eq!(disk(&[("paths", "")]), json!({ "paths": [""] }));
    assert_eq!(disk(&[("paths", "[]")]), json!({ "paths": [] }));
    assert_eq!(disk(&[]), json!({}));
}

#[test]
fn limits_and_time() {
    let limit = |measure: &str, level: &str, value: &str| (measure.to_owned(), level.to_owned(), value.to_owned());
    let limits = [limit("used", "warning", "50%"), limit("used@/var", "critical", "99%"), limit("used", "for", "5m")];
    let made = from_arguments(&registry(), "disk", "d", &[], &limits, Some("3s")).unwrap();
    assert_eq!(made.timeout, Some(Duration::from_secs(3)));
    assert_eq!(made.limits.of("used", "/").unwrap().to_string(), "warning 50%, critical 85%, for 5m");
    assert_eq!(made.limits.of("used", "/var").unwrap().to_string(), "warning 50%, critical 99%, for 5m");

    let limits = [limit("usd", "warning", "50%"), limit("used", "critical", "much"), limit("used", "crit", "5")];
    let errors = from_arguments(&registry(), "disk", "no name", &[], &limits, Some("3")).unwrap_err();
    insta::assert_snapshot!(errors, @r#"
    --name: not a name: letters a to z, digits, `.`, `_` and `-`, at most 100 of them
    --warning: `disk` has no measure `usd`
      hint: is `used` meant?
    --critical: `much` is not a limit for this measure; it takes a size such as `10GiB`, or a share such as `85%`, alone or as a range such as `10:20`
    --crit: unknown setting `crit` of a limit
      hint: is `critical` meant?
    --timeout: `3` is not a duration; write a number with a unit: `500ms`, `5s`, `2m30s`, `24h`, `21d`
    "#);
}

#[test]
fn wrong_arguments_are_told_by_their_flags() {
    insta::assert_snapshot!(
        web(&[
            ("ulr", "x"),
            ("port", "http"),
            ("follow", "1"),
            ("follow", "2"),
            ("expect.statuss", "200"),
            ("expect.body.deeper", "x"),
            ("servers", "[{ host = 1 }"),
            ("headers", "x"),
            ("verify", "yes"),
            ("login", "hunter22"),
            ("token", "s3cr3t"),
            ("slow", "5"),
            ("", "x"),
        ])
        .unwrap_err(),
        @r#"
        --ulr: there is no such setting
          hint: is `--url` meant?
        --port: expected a whole number from 0 to 65535, found a text
        --follow: is given 2 times, but takes one value
        --expect.statuss: there is no such setting
          hint: is `--expect.status` meant?
        --expect.body.deeper: expected a text, found a table
        --servers: is not a value of TOML: unclosed array, expected `]`
        --headers: takes a table, such as `{ key = "value" }`; `selx explain KIND` shows what stands in it
        --verify: expected true or false, found a text
        --login: a secret is given as `env:NAME` or `file:/path`, never as its value
        --token: there is no such setting
          hint: there are `--expect`, `--expect.also`, `--expect.body`, `--expect.max-body`, `--expect.status`, `--family`, `--follow`, `--headers`, `--login`, `--port`, `--sample`, `--servers` and 3 more
        --slow: `5` is not a duration; write a number with a unit: `500ms`, `5s`, `2m30s`, `24h`, `21d`
        --: there is no such setting
          hint: there are `--expect`, `--expect.also`, `--expect.body`, `--expect.max-body`, `--expect.status`, `--family`, `--follow`, `--headers`, `--login`, `--port`, `--sample`, `--servers` and 3 more
        --expect.status: must be given
        --url: must be given
        "#
    );
    insta::assert_snapshot!(
        web(&[("expect", "{ status = 1 }"), ("expect.status", "2"), ("url", "x"), ("a.b.c.d.e.f.g", "1")]).unwrap_err(),
        @r#"
        --expect.status: the table that this belongs to stands in braces, and nothing can be added to it behind them
          hint: put all of that table in one place: inside the braces, or under a heading of its own
        --a.b.c.d.e.f.g: there is no such setting
          hint: there are `--expect`, `--expect.also`, `--expect.body`, `--expect.max-body`, `--expect.status`, `--family`, `--follow`, `--headers`, `--login`, `--port`, `--sample`, `--servers` and 3 more
        "#
    );
    let errors = from_arguments(&registry(), "wbe", "x", &[], &[], None).unwrap_err();
    insta::assert_snapshot!(errors, @r#"
    wbe: there is no such kind
      hint: is `web` meant?
    "#);
}

#[test]
fn what_is_typed_stays_one_value() {
    // A value that tries to be more than one stays a text, or is refused.
    for value in ["x\"\nport = 1", "x\" # ", "\u{0}\u{7f}", "'''", "\\"] {
        let made = web(&[("url", value)]).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(made.with, json!({ "url": value }));
    }
    for value in ["{ status = 1 }\nport = 5", "{ status = 1 }, port = 5", "{"] {
        assert!(web(&[("url", "x"), ("expect", value)]).is_err(), "{value}");
    }
}

#[test]
fn settings_in_words() {
    let lines: Vec<String> = settings_of(&registry(), "web")
        .into_iter()
        .map(|doc| {
            let needed = if doc.required { " (required)" } else { "" };
            let default = doc.default.map(|default| format!(" = {default}")).unwrap_or_default();
            format!("{}: {}{default}{needed}. {}", doc.name, doc.kind, doc.description)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    expect: a table. What the answer has to be.
    expect.also: an array of whole numbers = []. Codes that are fine too.
    expect.body: a text. A text in the body.
    expect.max-body: a size. The most that the body may hold.
    expect.status: a whole number. The status.
    family: one of "any", "ipv4", "ipv6". Which way is taken.
    follow: a whole number = 5. How often a redirect is followed.
    headers: a table = {}. Headers to send.
    login: a reference to a secret. The login.
    port: a whole number. The port; without it, that of the address.
    sample: a number. Some share.
    servers: an array of tables. Servers to ask, each in turn.
    slow: a duration. How long it may take.
    url: a text (required). The address.
    verify: true or false = false. Whether the certificate is looked at.
    "#);
    assert!(settings_of(&registry(), "none").is_empty());
}

/// Judges a value by the parts of JSON Schema that ours are made of.
fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let pointer = target.strip_prefix('#').unwrap();
        let target = root.pointer(pointer).unwrap_or_else(|| panic!("{target} leads nowhere"));
        if !fits(root, target, value) {
            return false;
        }
    }
    for join in ["anyOf", "oneOf"] {
        if let Some(parts) = schema.get(join).and_then(Value::as_array)
            && !parts.iter().any(|part| fits(root, part, value))
        {
            return false;
        }
    }
    if schema.get("const").is_some_and(|fixed| fixed != value) {
        return false;
    }
    if schema.get("enum").and_then(Value::as_array).is_some_and(|all| !all.contains(value)) {
        return false;
    }
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => value.is_null(),
    };
    let typed = match schema.get("type") {
        Some(Value::String(name)) => is(name),
        Some(Value::Array(names)) => names.iter().any(|name| is(name.as_str().unwrap())),
        _ => true,
    };
    let items = schema
        .get("items")
        .is_none_or(|items| value.as_array().is_none_or(|values| values.iter().all(|value| fits(root, items, value))));
    let inside = value.as_object().is_none_or(|entries| {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        required.into_iter().all(|key| entries.contains_key(key.as_str().unwrap()))
            && entries.iter().all(|(key, value)| {
                if let Some(known) = schema.get("properties").and_then(|known| known.get(key)) {
                    return fits(root, known, value);
                }
                if key.contains('@') && schema.get("patternProperties").is_some() {
                    return true;
                }
                match schema.get("additionalProperties") {
                    Some(Value::Bool(may)) => *may,
                    Some(other) => fits(root, other, value),
                    None => true,
                }
            })
    });
    typed && items && inside
}

#[test]
fn the_schema_takes_what_is_right_and_refuses_what_is_wrong() {
    let schema = schema(&registry());
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let web = &schema["properties"]["check"]["properties"]["web"];
    assert_eq!(web["description"], Web::META.summary);
    let limits = &web["additionalProperties"]["properties"]["limits"];
    assert_eq!(limits["properties"]["time"]["description"], "The limit of the time to the last byte.");
    assert_eq!(limits["patternProperties"]["^(time)@.+$"]["$ref"], "#/$defs/Limit");
    let right = json!({
        "include": ["x"], "runner": { "timeout": "5s" }, "history": { "enabled": true },
        "routine": { "daily": { "every": "1d", "run": ["web"] } },
        "check": {
            "web": { "a": { "timeout": "5s", "needs": ["b"], "limits": { "time": { "warning": "1s" } },
                            "with": { "url": "x", "expect": { "status": 200 }, "family": "ipv4" } } },
            "disk": { "b": { "limits": { "used": "off", "used@/": { "for": "5m" } } } }
        }
    });
    assert!(fits(&schema, &schema, &right));
    for (place, wrong) in [
        ("/runner", json!({ "timeuot": "5s" })),
        ("/check/web/a/with", json!({ "urll": "x" })),
        ("/check/web/a/with", json!({})),
        ("/check/web/a/with/expect", json!({ "status": "200" })),
        ("/check/web/a/with/family", json!("ipv5")),
        ("/check/web/a/limits", json!({ "used": {} })),
        ("/check/disk/b/limits/used", json!("of")),
        ("/check", json!({ "none": {} })),
        ("/routine/daily/run", json!("web")),
    ] {
        let mut value = right.clone();
        *value.pointer_mut(place).unwrap() = wrong;
        assert!(!fits(&schema, &schema, &value), "{place}: {value}");
    }
}

#[test]
fn proposals_become_a_suite() {
    let proposals = [
        (Disk::META.id, Proposal::new("root", "two file systems\n[check.evil.x]", "")),
        (Web::META.id, Proposal::new("site", "port 443 is open", "url = \"https://localhost/\"\nexpect.status = 200")),
    ];
    insta::assert_snapshot!(proposals_text(&proposals), @r#"
    # two file systems\u{a}[check.evil.x]
    [check.disk.root]

    # port 443 is open
    [check.web.site]
    [check.web.site.with]
    url = "https://localhost/"
    expect.status = 200
    "#);
    let suite = from_proposals(&registry(), &proposals).unwrap();
    let names: Vec<String> = suite.instances.iter().map(Instance::full_name).collect();
    assert_eq!(names, ["disk.root", "web.site"]);
    for with in ["url = 'x'\n[check.disk.evil]", "[a]", " # x\n [[check]]", "url = ["] {
        let errors = from_proposals(&registry(), &[(Web::META.id, Proposal::new("x", "", with))]).unwrap_err();
        assert!(errors.to_string().contains("begins a table of its own"), "{with}: {errors}");
    }
    let wrong = from_proposals(&registry(), &[(Web::META.id, Proposal::new("a b", "", "url = 1"))]).unwrap_err();
    assert!(wrong.to_string().contains("discovery:1:12: `a b` cannot be the name of a check"), "{wrong}");
}
