//! What is wrong, all of it at once, and exactly how it is told.

use selx_core::config::parse;

use crate::kinds::registry;

pub(crate) fn told(text: &str) -> String {
    parse(&registry(), "selx.toml", text).unwrap_err().to_string()
}

#[test]
fn several_mistakes_in_one_check() {
    let text = r#"[check.web.a.with]
urll = 1
port = 70000
follow = "x"
family = "ipv5"
slow = "5"
[check.web.a.with.expect]
statuss = 200
body = 5
also = [1, "x", 99999, 3, -1]
[[check.web.a.with.servers]]
host = 1
[[check.web.a.with.servers]]
port = 1
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:1:1: the setting `url` is missing
        [check.web.a.with]
        ^^^^^^^^^^^^^^^^^^
    selx.toml:2:1: unknown setting `urll`
        urll = 1
        ^^^^
      hint: is `url` meant?
    selx.toml:3:8: out of range: expected a whole number from 0 to 65535
        port = 70000
               ^^^^^
    selx.toml:4:10: expected a whole number from 0 to 4294967295, found a text
        follow = "x"
                 ^^^
    selx.toml:5:10: `ipv5` is none of the values it takes
        family = "ipv5"
                 ^^^^^^
      hint: is `ipv4` meant?
    selx.toml:6:8: `5` is not a duration; write a number with a unit: `500ms`, `5s`, `2m30s`, `24h`, `21d`
        slow = "5"
               ^^^
    selx.toml:7:1: the setting `status` is missing
        [check.web.a.with.expect]
        ^^^^^^^^^^^^^^^^^^^^^^^^^
    selx.toml:8:1: unknown setting `statuss`
        statuss = 200
        ^^^^^^^
      hint: is `status` meant?
    selx.toml:9:8: expected a text, found a whole number
        body = 5
               ^
    selx.toml:10:12: expected a whole number from 0 to 65535, found a text
        also = [1, "x", 99999, 3, -1]
                   ^^^
    selx.toml:10:17: out of range: expected a whole number from 0 to 65535
        also = [1, "x", 99999, 3, -1]
                        ^^^^^
    selx.toml:10:27: out of range: expected a whole number from 0 to 65535
        also = [1, "x", 99999, 3, -1]
                                  ^^
    selx.toml:11:1: the setting `port` is missing
        [[check.web.a.with.servers]]
        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    selx.toml:12:8: expected a text, found a whole number
        host = 1
               ^
    selx.toml:13:1: the setting `host` is missing
        [[check.web.a.with.servers]]
        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn several_mistakes_on_one_line() {
    let text = r#"[check.web.a]
with = { url = "x", expect = { status = "200", bdy = "x", also = [true] }, servers = [{ host = "h" }, { port = 1 }] }
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:2:41: expected a whole number from 0 to 65535, found a text
        with = { url = "x", expect = { status = "200", bdy = "x", also = [true] }, servers = [{ host = "h" }…
                                                ^^^^^
    selx.toml:2:48: unknown setting `bdy`
        with = { url = "x", expect = { status = "200", bdy = "x", also = [true] }, servers = [{ host = "h" }…
                                                       ^^^
      hint: is `body` meant?
    selx.toml:2:67: expected a whole number from 0 to 65535, found true or false
        …x", expect = { status = "200", bdy = "x", also = [true] }, servers = [{ host = "h" }, { port = 1 }] …
                                                           ^^^^
    selx.toml:2:87: the setting `port` is missing
        …s = "200", bdy = "x", also = [true] }, servers = [{ host = "h" }, { port = 1 }] }
                                                           ^^^^^^^^^^^^^^
    selx.toml:2:103: the setting `host` is missing
        … "x", also = [true] }, servers = [{ host = "h" }, { port = 1 }] }
                                                           ^^^^^^^^^^^^
    "#);
}

#[test]
fn what_is_missing() {
    let text = r#"[check.web.y]
[check.web.z.with.expect]
body = 'x'
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:1:1: the setting `url` is missing
        [check.web.y]
        ^^^^^^^^^^^^^
    selx.toml:2:1: the setting `status` is missing
        [check.web.z.with.expect]
        ^^^^^^^^^^^^^^^^^^^^^^^^^
    selx.toml:2:14: the setting `url` is missing
        [check.web.z.with.expect]
                     ^^^^
    "#);
}

#[test]
fn secrets_are_not_shown() {
    let text = r#"[check.web.b]
with = { url = "https://u:hunter2@h/", login = "hunter22", headers = { Authorization = "Bearer abcdef" }, wrong = 1 }
[check.web.c.with]
url = "x"
password = 12345
api-token = ["s3cr3t99", "more"]
family = { secret = "ipv5" }
# old password: s3cr3t99
[check.web.d.with.headers]
X-Api-Key = 5
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:2:48: a secret is given as `env:NAME` or `file:/path`, never as its value
        with = { url = [hidden], login = [hidden], headers = { Authorization = [hidden] }, wrong = 1 }
                                         ^^^^^^^^
    selx.toml:2:107: unknown setting `wrong`
        with = { url = [hidden], login = [hidden], headers = { Authorization = [hidden] }, wrong = 1 }
                                                                                           ^^^^^
      hint: there are `url`, `port`, `follow`, `expect`, `headers`, `login`, `family`, `servers`, `slow`, `verify`, `sample`
    selx.toml:5:1: unknown setting `password`
        password = [hidden]
        ^^^^^^^^
      hint: there are `url`, `port`, `follow`, `expect`, `headers`, `login`, `family`, `servers`, `slow`, `verify`, `sample`
    selx.toml:6:1: unknown setting `api-token`
        api-token = [[hidden], [hidden]]
        ^^^^^^^^^
      hint: there are `url`, `port`, `follow`, `expect`, `headers`, `login`, `family`, `servers`, `slow`, `verify`, `sample`
    selx.toml:7:12: `secret` is none of the values it takes
        family = { secret = [hidden] }
                   ^^^^^^
      hint: there are `any`, `ipv4`, `ipv6`
    selx.toml:9:14: the setting `url` is missing
        [check.web.d.with.headers]
                     ^^^^
    selx.toml:10:13: expected a text, found a whole number
        X-Api-Key = [hidden]
                    ^^^^^^^^
    "#);
}

#[test]
fn a_secret_with_a_syntax_error_is_not_shown() {
    let text = r#"[check.web.c.with]
url = 'x'
password = "s3cr3t99
token = s3cr3t98
keys = [ "s3cr3t97", s3cr3t96,
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:3:21: invalid basic string, expected `"`
        password = [hidden]
                           ^
    selx.toml:4:9: a text stands in quotes
        token = [hidden]
                ^^^^^^^^
      hint: write `"…"`
    selx.toml:5:22: a text stands in quotes
        keys = [ [hidden], [hidden],
                           ^^^^^^^^
      hint: write `"…"`
    selx.toml:5:31: unclosed array, expected `]`
        keys = [ [hidden], [hidden],
                                    ^
    "#);
}

#[test]
fn unknown_names() {
    let text = r#"[checkk.web.c]
[disk.root]
[check.wbe.x]
[check.completely-else.x]
[check.disk."a b"]
[check.disk.""]
[check.disk]
paths = ["/"]
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:1:2: unknown key `checkk`
        [checkk.web.c]
         ^^^^^^
      hint: is `check` meant?
    selx.toml:2:2: unknown key `disk`
        [disk.root]
         ^^^^
      hint: write `[check.disk.NAME]`
    selx.toml:3:8: unknown kind `wbe`
        [check.wbe.x]
               ^^^
      hint: is `web` meant?
    selx.toml:4:8: unknown kind `completely-else`
        [check.completely-else.x]
               ^^^^^^^^^^^^^^^
      hint: `selx list` shows every kind
    selx.toml:5:13: `a b` cannot be the name of a check
        [check.disk."a b"]
                    ^^^^^
      hint: a name is of letters a to z, digits, `.`, `_` and `-`, at most 100 of them
    selx.toml:6:13: the name of a check is empty
        [check.disk.""]
                    ^^
      hint: a name is of letters a to z, digits, `.`, `_` and `-`, at most 100 of them
    selx.toml:8:1: `paths` stands where the name of a check is expected
        paths = ["/"]
        ^^^^^
      hint: write `[check.disk.NAME]` with the settings below it
    "#);
}

#[test]
fn syntax() {
    let text = r#"a = = 1
[check.disk.x]
timeout = 5s
[check.disk.x]
needs = [1, ]
needs = []
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:1:5: extra `=`, expected nothing
        a = = 1
            ^
    selx.toml:1:7: unexpected key or value, expected newline, `#`
        a = = 1
              ^
    selx.toml:3:11: a text stands in quotes
        timeout = 5s
                  ^^
      hint: write `"…"`
    selx.toml:4:13: this key is set twice
        [check.disk.x]
                    ^
      hint: each key and each table may stand once; put the settings together
    selx.toml:6:1: this key is set twice
        needs = []
        ^^^^^
      hint: each key and each table may stand once; put the settings together
    "#);
}

#[test]
fn a_table_in_braces_is_not_added_to() {
    let text = r#"[check.disk.x]
limits = { used = { warning = "1%" } }
[check.disk.x.limits.inodes]
warning = "1%"
critical = "2%"
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:3:15: the table that this belongs to stands in braces, and nothing can be added to it behind them
        [check.disk.x.limits.inodes]
                      ^^^^^^
      hint: put all of that table in one place: inside the braces, or under a heading of its own
    "#);
}

#[test]
fn wrong_types_high_up() {
    let text = r#"include = "x"
runner = 1
routine = []
check = { disk = 5, web = { a = 1 } }
"#;
    insta::assert_snapshot!(told(text), @r#"
    selx.toml:1:11: expected an array, found a text
        include = "x"
                  ^^^
    selx.toml:2:10: expected a table, found a whole number
        runner = 1
                 ^
    selx.toml:3:11: expected tables with names
        routine = []
                  ^^
      hint: write `[routine.NAME]`
    selx.toml:4:18: expected tables with names
        check = { disk = 5, web = { a = 1 } }
                         ^
      hint: write `[check.disk.NAME]`
    selx.toml:4:29: `a` stands where the name of a check is expected
        check = { disk = 5, web = { a = 1 } }
                                    ^
      hint: write `[check.web.NAME]` with the settings below it
    "#);
}
