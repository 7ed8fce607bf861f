//! Patterns that are ready made.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::logs::level::Level;

/// A name for several patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Lines that say they are critical or worse, and lines that say they are errors.
    Errors,
    /// Failed logins and refused requests.
    Authentication,
}

/// One pattern of a preset.
pub(super) struct Ready {
    pub(super) name: &'static str,
    pub(super) any_of: Option<&'static str>,
    pub(super) none_of: Option<&'static str>,
    pub(super) ignore_case: bool,
    pub(super) levels: Option<RangeInclusive<Level>>,
}

/// What programs write when somebody was not let in. Each part has a text that is rare in other lines; a first letter that
/// may be a capital is left out, so that the search has few texts to look for.
const REFUSED: &str = concat!(
    // sshd and PAM.
    r"ailed (?:password|publickey|keyboard-interactive|none) for|nvalid user |uthentication fail(?:ure|ed)|",
    r"aximum authentication attempts exceeded| not allowed because |onnection closed by (?:authenticating|invalid) user|",
    // PostgreSQL and other databases.
    r"o pg_hba\.conf entry|ccess denied for user|",
    // nginx and Apache: the status behind the request, and what they write of passwords.
    r#"" 40[13] |: password mismatch|" was not found in|"#,
    // fail2ban.
    r"\] (?:Ban|Found) [0-9a-f]|",
    // Applications.
    r"ogin fail|ailed login|og-?in attempt failed|nvalid (?:credentials|password|token)|ncorrect password|",
    r#"nauthori[sz]ed|"status(?:_code)?":(?:401|403| 401| 403)\b"#,
);

/// Lines that only sound like it.
const LET_IN: &str = r"authentication failures?: 0\b|0 authentication failure";

impl Preset {
    pub(super) fn patterns(self) -> Vec<Ready> {
        let level =
            |name, levels| Ready { name, any_of: None, none_of: None, ignore_case: false, levels: Some(levels) };
        match self {
            Self::Errors => {
                vec![level("critical", Level::Critical..=Level::Emergency), level("error", Level::Error..=Level::Error)]
            }
            Self::Authentication => vec![Ready {
                name: "authentication",
                any_of: Some(REFUSED),
                none_of: Some(LET_IN),
                ignore_case: false,
                levels: None,
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::matcher::{Matcher, Pattern};
    use crate::logs::piece::Dress;

    #[test]
    fn refusals_are_found_in_every_dialect() {
        let ready = Preset::Authentication.patterns().remove(0);
        let pattern = Pattern::new(ready.any_of, ready.none_of, ready.ignore_case, ready.levels).unwrap();
        let matcher = Matcher::new(vec![pattern]);
        let finds = |line: &str| {
            let candidate = matcher.cursor(Dress::Bare, false, line.as_bytes()).next(0).is_some();
            let matches = matcher.patterns[0].matches(line.as_bytes());
            assert!(candidate || !matches, "the search for needles passes over {line}");
            matches
        };
        for line in [
            "Nov 20 10:00:00 h sshd[1]: Failed password for root from 192.0.2.7 port 50412 ssh2",
            "Nov 20 10:00:00 h sshd[1]: Failed publickey for git from 192.0.2.7 port 5 ssh2: RSA x",
            "Nov 20 10:00:00 h sshd[1]: Invalid user admin from 192.0.2.7 port 5",
            "Nov 20 10:00:00 h sshd[1]: pam_unix(sshd:auth): authentication failure; rhost=192.0.2.9  user=bob",
            "Nov 20 10:00:00 h sshd[1]: PAM 2 more authentication failures; rhost=192.0.2.9",
            "Nov 20 10:00:00 h sshd[1]: error: maximum authentication attempts exceeded for root from 192.0.2.7",
            "Nov 20 10:00:00 h sshd[1]: User bob from 192.0.2.7 not allowed because not listed in AllowUsers",
            "Nov 20 10:00:00 h sudo: pam_unix(sudo:auth): authentication failure; logname=bob user=bob",
            "2026-11-20 10:00:00.000 UTC [9] FATAL:  password authentication failed for user \"shop\"",
            "2026-11-20 10:00:00.000 UTC [9] FATAL:  no pg_hba.conf entry for host \"192.0.2.3\"",
            "192.0.2.1 - - [20/Nov/2026:10:00:00 +0000] \"GET /admin HTTP/1.1\" 401 5 \"-\" \"x\"",
            "192.0.2.1 - - [20/Nov/2026:10:00:00 +0000] \"GET /admin HTTP/1.1\" 403 5",
            "2026/11/20 10:00:00 [error] 7#7: *1 user \"dave\": password mismatch, client: 192.0.2.4",
            "2026/11/20 10:00:00 [error] 7#7: *1 user \"dave\" was not found in \"/etc/htpasswd\"",
            "2026-11-20 10:00:00,000 fail2ban.actions [1]: NOTICE [sshd] Ban 192.0.2.5",
            "2026-11-20 10:00:00,000 WARNING api.auth: Authentication failed for bob",
            "2026-11-20 10:00:00,000 WARNING api.auth: Unauthorized: bad token",
            "{\"event\":\"Login failed\",\"user\":\"erin\"}",
            "{\"path\":\"/x\",\"status\": 401}",
        ] {
            assert!(finds(line), "{line}");
        }
        assert!(matcher.searches_many_bytes_at_a_time(), "the preset has too many texts for the fast search");
        for line in [
            "192.0.2.1 - - [20/Nov/2026:10:00:00 +0000] \"GET /401 HTTP/1.1\" 200 403",
            "Nov 20 10:00:00 h sshd[1]: Accepted publickey for git from 192.0.2.7 port 5 ssh2",
            "2026-11-20 10:00:00 INFO authentication failures: 0",
            "2026-11-20 10:00:00 INFO authentication of bob succeeded",
        ] {
            assert!(!finds(line), "{line}");
        }
    }
}
