//! Asking.

use std::fmt::Write as _;
use std::time::Duration;

use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use selx_core::{Context, Result};

use super::config::Settings;
use super::facts::{Age, Facts, Freshness, Last, Outcome, Reply, Sort};
use super::reading::Reduce;
use super::reply::{self, Said};
use super::selector::{self, MAX_SELECTORS, Selector};
use super::server::{Found, below};
use crate::http::{Fetched, Veil, Wanted, clean, credentials, fetch, named};

/// How many bytes of an answer are read.
pub(super) const MAX_BODY: u64 = 8 << 20;
/// How much of a body is shown.
const EXCERPT: usize = 200;
/// How much of a text of an answer is kept.
const KEPT: usize = 400;
/// How long a request line may be; a longer query is sent in the body.
const MAX_LINE: usize = 3000;
/// The label by which the parts of the question for the age are told apart.
const PART: &str = "selx_part";
/// How far a server looks back for a sample unless it is told otherwise.
const LOOK_BACK: Duration = Duration::from_secs(300);

/// Asks a server.
///
/// # Errors
///
/// What this host could not do: secrets or roots that cannot be read, no descriptors left, an engine that cannot be
/// asked. What the server did is in the facts.
pub(super) async fn probe(settings: &Settings, cx: &Context) -> Result<Facts> {
    let broken = |failure| Reply::Broken { failure, received: 0 };
    let mut facts = Facts {
        server: settings.target.to_string(),
        container: None,
        freshness: None,
        reply: Reply::Found(Outcome::default()),
    };
    let authorization = settings.authorization.as_ref().map(|how| credentials(how, cx)).transpose()?;
    let mut found = match settings.target.find(cx).await? {
        Ok(found) => found,
        Err(failure) => {
            facts.reply = broken(failure);
            return Ok(facts);
        }
    };
    facts.container = found.container.take();
    let asker = Asker { settings, cx, authorization, found };
    if settings.max_age.0.is_some() || settings.range.is_some() {
        match asker.freshness().await? {
            Ok(freshness) => facts.freshness = Some(freshness),
            Err(reply) => {
                facts.reply = reply;
                return Ok(facts);
            }
        }
    }
    let now = facts.freshness.as_ref().and_then(|freshness| freshness.now);
    facts.reply = asker.query(now).await?;
    Ok(facts)
}

/// What all requests of one look share.
struct Asker<'a> {
    settings: &'a Settings,
    cx: &'a Context,
    authorization: Option<HeaderValue>,
    found: Found,
}

impl Asker<'_> {
    /// Asks how old the data is, by the clock of the server. An inner error is an answer that makes the query needless.
    async fn freshness(&self) -> Result<std::result::Result<Freshness, Reply>> {
        let all = match (&self.settings.fresh_by, self.settings.max_age.0) {
            (_, None) => Vec::new(),
            (Some(query), _) => vec![Selector { text: query.0.clone(), range: None }],
            (None, _) => selector::selectors(self.settings.asked()),
        };
        let mut freshness = Freshness { total: all.len(), ..Freshness::default() };
        let asked: Vec<Selector> = all.into_iter().take(MAX_SELECTORS).collect();
        let question = question(&asked, self.settings.max_age.0.map(selx_core::TimeSpan::get));
        freshness.selectors = asked
            .into_iter()
            .map(|selector| Age { selector: selector.text, range: selector.range, ..Age::default() })
            .collect();
        let keep = 2 * MAX_SELECTORS + 2;
        let outcome = match self.ask("/api/v1/query", &[("query", question)], keep, 0.4).await? {
            Reply::Found(outcome) => outcome,
            Reply::Refused { error_type, error, .. } => {
                freshness.refused = Some(format!("{error_type}: {error}"));
                return Ok(Ok(freshness));
            }
            other => return Ok(Err(other)),
        };
        for series in &outcome.series {
            let (Some(part), Last::Number(value)) = (series.labels.get(PART), series.points.last) else {
                continue;
            };
            match part.as_str() {
                "now" => freshness.now = Some(value),
                "up" => freshness.heartbeat = Some(value.max(0.0)),
                part => {
                    let (index, older) = part.strip_suffix("-older").map_or((part, false), |index| (index, true));
                    let age = index.parse().ok().and_then(|index: usize| freshness.selectors.get_mut(index));
                    match age {
                        Some(age) if older => age.older = true,
                        Some(age) => age.seconds = Some(value.max(0.0)),
                        None => {}
                    }
                }
            }
        }
        if freshness.now.is_none() {
            freshness.refused = Some("the server did not tell its own time".to_owned());
        }
        let here = self.cx.clock().now().as_millisecond() as f64 / 1e3;
        freshness.ahead = freshness.now.map(|now| now - here);
        Ok(Ok(freshness))
    }

    /// Asks the query.
    async fn query(&self, now: Option<f64>) -> Result<Reply> {
        let settings = self.settings;
        let keep = settings.max_series.0 as usize;
        let mut fields = vec![("query", settings.asked().to_owned()), ("limit", (keep + 1).to_string())];
        let Some(range) = settings.range else {
            return self.ask("/api/v1/query", &fields, keep, 0.9).await;
        };
        let end = now.unwrap_or_else(|| self.cx.clock().now().as_millisecond() as f64 / 1e3);
        fields.push(("start", format!("{:.3}", end - range.get().as_secs_f64())));
        fields.push(("end", format!("{end:.3}")));
        fields.push(("step", format!("{:.3}", settings.step().as_secs_f64())));
        Ok(match self.ask("/api/v1/query_range", &fields, keep, 0.9).await? {
            Reply::Found(outcome) if outcome.sort != Sort::Matrix => {
                let why = "a range was asked for, and something else came".to_owned();
                Reply::Foreign { status: 200, why, excerpt: String::new() }
            }
            reply => reply,
        })
    }

    /// Sends one request; the server is told to give up when `share` of the time that is left has passed.
    async fn ask(&self, path: &str, fields: &[(&str, String)], keep: usize, share: f64) -> Result<Reply> {
        let timeout = (self.cx.remaining().as_secs_f64() * share).max(0.001);
        let mut form = format!("timeout={timeout:.3}");
        for (name, value) in fields {
            let _ = write!(form, "&{name}=");
            encode(value, &mut form);
        }
        let (path, form) =
            if form.len() <= MAX_LINE { (format!("{path}?{form}"), None) } else { (path.to_owned(), Some(form)) };
        let wanted = Wanted {
            url: &below(&self.found.base, &path)?,
            socket: self.found.socket.clone(),
            form,
            authorization: self.authorization.as_ref(),
            ca_file: self.settings.ca_file.as_deref(),
            connect_timeout: self.settings.connect_timeout.get(),
            max_body: MAX_BODY,
        };
        let fetched = fetch(&wanted, self.cx).await?;
        self.read(fetched, keep).await
    }

    async fn read(&self, fetched: Fetched, keep: usize) -> Result<Reply> {
        let veil = Veil::new(self.cx.secrets(), self.authorization.as_ref());
        let Fetched { parts, body, failure, received } = fetched;
        if let Some(mut failure) = failure {
            failure.text = clean(failure.text.as_bytes(), KEPT, &veil);
            return Ok(Reply::Broken { failure, received });
        }
        let Some(parts) = parts else {
            let failure = crate::net::Failure::new(
                crate::net::Phase::FirstByte,
                crate::net::FailureKind::Other,
                "there was no answer",
            );
            return Ok(Reply::Broken { failure, received });
        };
        let status = parts.status.as_u16();
        let excerpt = clean(&body, EXCERPT, &veil);
        let foreign = |why: String| {
            let why = clean(why.as_bytes(), KEPT, &veil);
            Ok(Reply::Foreign { status, why, excerpt: excerpt.clone() })
        };
        let header = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        if let Some(encoding) = header(CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            return foreign(format!("the body is encoded as `{encoding}`, which was not asked for"));
        }
        // What the server itself says while it reads its log of writes, and when it goes.
        let plain = header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/plain"));
        if status == 503 && plain && body.trim_ascii() == b"Service Unavailable" {
            return Ok(Reply::Unready { status });
        }
        let quantile = match self.settings.reduce {
            Reduce::Quantile(share) => Some(share),
            _ => None,
        };
        let said = self.cx.blocking("reading the answer", move |_| Ok(reply::read(&body, keep, quantile))).await?;
        match said {
            Ok(Said::Error(error_type, error)) => Ok(Reply::Refused {
                status,
                error_type: clean(error_type.as_bytes(), KEPT, &veil),
                error: clean(error.as_bytes(), KEPT, &veil),
            }),
            Ok(Said::Result(_)) if !parts.status.is_success() => {
                foreign(format!("a success comes with the status {}", named(status)))
            }
            Ok(Said::Result(mut outcome)) => {
                shorten(&mut outcome, &veil);
                Ok(Reply::Found(outcome))
            }
            Err(why) => {
                let kind = header(CONTENT_TYPE).unwrap_or("of no named type");
                foreign(format!("{why} ({kind})"))
            }
        }
    }
}

/// Makes what the server says fit to be kept and shown.
fn shorten(outcome: &mut Outcome, veil: &Veil<'_>) {
    for text in outcome.warnings.iter_mut().chain(&mut outcome.infos) {
        *text = clean(text.as_bytes(), KEPT, veil);
    }
    for series in &mut outcome.series {
        let labels = std::mem::take(&mut series.labels);
        let short = |text: String| clean(text.as_bytes(), EXCERPT, veil);
        series.labels = labels.into_iter().map(|(name, value)| (short(name), short(value))).collect();
    }
}

/// Makes the question for the age of the newest sample of each selector.
fn question(selectors: &[Selector], max_age: Option<Duration>) -> String {
    let marked =
        |expression: &str, part: &str| format!("label_replace({expression}, \"{PART}\", \"{part}\", \"\", \"\")");
    let newest = |selector: &str| {
        let now = format!("max(timestamp({selector}\n))");
        match max_age {
            // Farther back than a server looks by itself, it has to be told where to look.
            Some(age) if age > LOOK_BACK => {
                format!("time() - ({now} or max(max_over_time(timestamp({selector}\n)[{}s:1m])))", age.as_secs())
            }
            _ => format!("time() - {now}"),
        }
    };
    let mut parts = vec![marked("vector(time())", "now")];
    if max_age.is_some() {
        parts.push(marked(&newest("up"), "up"));
    }
    for (index, Selector { text, range }) in selectors.iter().enumerate() {
        parts.push(marked(&newest(text), &index.to_string()));
        if let Some(range) = range {
            parts.push(marked(&format!("count(count_over_time({text}[{range}]))"), &format!("{index}-older")));
        }
    }
    parts.join(" or ")
}

/// Adds a text to a form, with everything escaped that is not plain.
fn encode(text: &str, form: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            form.push(char::from(byte));
        } else {
            let _ = write!(form, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_escaped_whole() {
        let mut form = String::new();
        encode("a{b=\"é\"} + 1&x=%", &mut form);
        assert_eq!(form, "a%7Bb%3D%22%C3%A9%22%7D%20%2B%201%26x%3D%25");
    }

    #[test]
    fn the_age_is_asked_of_every_selector() {
        let selectors = selector::selectors("rate(a[1h]) / b");
        let text = question(&selectors, Some(Duration::from_secs(60)));
        for part in ["timestamp(a\n)", "count_over_time(a[1h])", "timestamp(b\n)", "timestamp(up\n)", "vector(time())"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(question(&selectors, Some(Duration::from_secs(3600))).contains("timestamp(b\n)[3600s:1m]"));
        assert!(!question(&[], None).contains("up"));
    }
}
