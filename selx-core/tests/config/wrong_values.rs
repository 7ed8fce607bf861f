//! Limits, settings of the runner, needs, and values that no file should have.

use crate::wrong::told;

#[test]
fn limits() {
    let text = r#"[check.disk.x.limits]
usd = { warning = "1%" }
"usd@/" = { warning = "1%" }
used = { warning = "abc", crit = "1%", for = "15" }
inodes = { warning = nan }
"used@" = { warning = "1%" }
"used@/var" = {}
"used@/tmp" = "of"
[check.disk.y]
limits = 5
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:2:1: `disk` has no measure `usd`
        usd = { warning = "1%" }
        ^^^
      hint: is `used` meant?
    selx.toml:3:1: `disk` has no measure `usd`
        "usd@/" = { warning = "1%" }
        ^^^^^^^
      hint: is `used` meant?
    selx.toml:4:20: `abc` is not a limit for this measure; it takes a size such as `10GiB`, or a share such as `85%`, alone or as a range such as `10:20`
        used = { warning = "abc", crit = "1%", for = "15" }
                           ^^^^^
    selx.toml:4:27: unknown setting `crit` of a limit
        used = { warning = "abc", crit = "1%", for = "15" }
                                  ^^^^
      hint: is `critical` meant?
    selx.toml:4:46: `15` is not a duration; write a number with a unit: `500ms`, `5s`, `2m30s`, `24h`, `21d`
        used = { warning = "abc", crit = "1%", for = "15" }
                                                     ^^^^
    selx.toml:5:22: `nan` is not a limit for this measure; it takes a plain number, or a share such as `85%`, alone or as a range such as `10:20`
        inodes = { warning = nan }
                             ^^^
    selx.toml:6:1: `@` is followed by a subject
        "used@" = { warning = "1%" }
        ^^^^^^^
      hint: write `"used@SUBJECT"`, or `used` for all of them
    selx.toml:7:15: the limit says nothing
        "used@/var" = {}
                      ^^
      hint: name `warning`, `critical` or both; `"off"` is no limit
    selx.toml:8:15: expected a table
        "used@/tmp" = "of"
                      ^^^^
      hint: write `{ warning = "…", critical = "…" }`, or `"off"` for no limit
    selx.toml:10:10: expected a table of measures
        limits = 5
                 ^
      hint: write `limits = { MEASURE = { warning = "…", critical = "…" } }`
    "#);
}

#[test]
fn settings_of_the_runner() {
    let text = r#"[check.disk.x]
paths = ["/"]
timeout = 5
retries = 99
required = "yes"
[runner]
timeout = "0s"
concurency = 5
concurrency = 0
retries = -1
deadline = "200y"
[history]
path = "a"
enabled = 1
retention = ""
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:2:1: unknown setting `paths`
        paths = ["/"]
        ^^^^^
      hint: `paths` belongs to the kind: write `with = { paths = … }`
    selx.toml:3:11: expected a text with a unit, such as `5s`, found a whole number
        timeout = 5
                  ^
    selx.toml:4:11: out of range: expected a whole number from 0 to 20
        retries = 99
                  ^^
    selx.toml:5:12: expected true or false, found a text
        required = "yes"
                   ^^^^^
    selx.toml:7:11: no time at all; write more than `0s`
        timeout = "0s"
                  ^^^^
    selx.toml:8:1: unknown setting `concurency`
        concurency = 5
        ^^^^^^^^^^
      hint: is `concurrency` meant?
    selx.toml:9:15: out of range: expected a whole number from 1 to 1024
        concurrency = 0
                      ^
    selx.toml:10:11: out of range: expected a whole number, not negative
        retries = -1
                  ^^
    selx.toml:11:12: `200y` is not a duration; write a number with a unit: `500ms`, `5s`, `2m30s`, `24h`, `21d`
        deadline = "200y"
                   ^^^^^^
    selx.toml:13:8: not an absolute path; cron starts in another folder
        path = "a"
               ^^^
    selx.toml:14:11: expected true or false, found a whole number
        enabled = 1
                  ^
    selx.toml:15:13: an empty text is not a duration; write `5s`, `2m`, `24h` or `21d`
        retention = ""
                    ^^
    "#);
}

#[test]
fn needs_and_routines() {
    let text = r#"[check.disk.x]
needs = ["y", "disk.x"]
routines = ["dialy", "zzz"]
with = { wrong = 1 }
[check.disk.y]
needs = ["x", "nothing"]
[check.disk.z]
needs = ["main"]
[check.disk.main]
[check.web.main]
with = { url = "x" }
[routine.daily]
run = ["web", "disk", "disk.zz"]
[routine.often]
every = "0s"
rum = []
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:2:15: the needs go in a circle: disk.x → disk.x
        needs = ["y", "disk.x"]
                      ^^^^^^^^
      hint: take one of them out: a check that waits for itself explains nothing
    selx.toml:3:13: unknown routine `dialy`
        routines = ["dialy", "zzz"]
                    ^^^^^^^
      hint: is `daily` meant?
    selx.toml:3:22: unknown routine `zzz`
        routines = ["dialy", "zzz"]
                             ^^^^^
      hint: write `[routine.zzz]` to make it one
    selx.toml:4:10: unknown setting `wrong`
        with = { wrong = 1 }
                 ^^^^^
      hint: there are `paths`, `reserve`, `read-only`
    selx.toml:6:10: the needs go in a circle: disk.x → disk.y → disk.x
        needs = ["x", "nothing"]
                 ^^^
      hint: take one of them out: a check that waits for itself explains nothing
    selx.toml:6:15: no check is named `nothing`
        needs = ["x", "nothing"]
                      ^^^^^^^^^
    selx.toml:8:10: `main` is the name of two checks, `disk.main` and `web.main`
        needs = ["main"]
                 ^^^^^^
      hint: write the one that is meant as `kind.name`
    selx.toml:13:23: nothing is named `disk.zz`
        run = ["web", "disk", "disk.zz"]
                              ^^^^^^^^^
      hint: is `disk` meant?
    selx.toml:15:9: no time at all; write more than `0s`
        every = "0s"
                ^^^^
    selx.toml:16:1: unknown setting `rum`
        rum = []
        ^^^
      hint: is `run` meant?
    "#);
}

#[test]
fn control_characters() {
    let text = "[check.disk.x]\nwith = { reserve = 5, \"\\u001b[31mevil\\u202e\" = 1 } #\u{9}\u{202e}\u{e4}\u{8a9e}\n[check.disk.\"\u{202e}x\"]\n";
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:2:20: expected a text with a unit, such as `85%`, found a whole number
        with = { reserve = 5, "\u001b[31mevil\u202e" = 1 } # \u{202e}ä語
                           ^
    selx.toml:2:23: unknown setting `\u{1b}[31mevil\u{202e}`
        with = { reserve = 5, "\u001b[31mevil\u202e" = 1 } # \u{202e}ä語
                              ^^^^^^^^^^^^^^^^^^^^^^
      hint: there are `paths`, `reserve`, `read-only`
    selx.toml:3:13: `\u{202e}x` cannot be the name of a check
        [check.disk."\u{202e}x"]
                    ^^^^^^^^^^^
      hint: a name is of letters a to z, digits, `.`, `_` and `-`, at most 100 of them
    "#);
}

#[test]
fn numbers_beyond_any_use() {
    let text = r#"[check.disk.x.with]
reserve = nan
[check.web.y]
with = { url = "x", port = 99999999999999999999999999, sample = inf }
[check.web.z]
with = { url = "x", sample = 1e999 }
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:2:11: `nan`, `inf` and numbers beyond any measure are no settings
        reserve = nan
                  ^^^
    selx.toml:4:28: the number is larger than any setting can be
        with = { url = "x", port = 99999999999999999999999999, sample = inf }
                                   ^^^^^^^^^^^^^^^^^^^^^^^^^^
    selx.toml:4:65: `nan`, `inf` and numbers beyond any measure are no settings
        with = { url = "x", port = 99999999999999999999999999, sample = inf }
                                                                        ^^^
    selx.toml:6:30: `nan`, `inf` and numbers beyond any measure are no settings
        with = { url = "x", sample = 1e999 }
                                     ^^^^^
    "#);
}

#[test]
fn a_long_line_is_cut() {
    let text = &format!(
        "[check.web.y]\nwith = {{ url = \"{}\", wrong = 1, headers = {{ a = \"{}\" }} }}\n",
        "x".repeat(300),
        "y".repeat(300)
    );
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:2:320: unknown setting `wrong`
        …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", wrong = 1, headers = { a = "yyyyyyyyyyyyyyyyyyyyyy…
                                                           ^^^^^
      hint: there are `url`, `port`, `follow`, `expect`, `headers`, `login`, `family`, `servers`, `slow`, `verify`, `sample`
    "#);
}

#[test]
fn nothing_is_included_by_a_text() {
    let text = r#"include = ["x"]
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:1:11: a text that is not a file can include nothing
        include = ["x"]
                  ^^^^^
    "#);
}
