//! Where a redirect may lead.

use super::config::{Config, Method};
use super::facts::Answer;
use super::url::Url;

/// What to do after an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is the last one.
    Stay,
    /// It is the last one, though it redirects and redirects are followed; the text says why.
    Refuse(String),
    /// Ask there.
    Follow(Box<Url>),
}

/// Tells whether a status says that the answer is elsewhere.
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Decides, without looking any name up.
pub(super) fn next(config: &Config, now: &Url, answer: &Answer, location: Option<&str>, asked: &[Url]) -> Next {
    if config.redirects.get() == 0 || !is_redirect(answer.status) {
        return Next::Stay;
    }
    let Some(location) = location else {
        return Next::Refuse("it names no target".into());
    };
    let target = match now.join(location) {
        Ok(target) => target,
        Err(error) => return Next::Refuse(format!("its target is not one: {error}")),
    };
    if !matches!(config.method, Method::Get | Method::Head) {
        return Next::Refuse("only `GET` and `HEAD` are repeated elsewhere".into());
    }
    if asked.contains(&target) {
        return Next::Refuse("it leads in a circle".into());
    }
    // The first request is not a redirect.
    if asked.len() > usize::from(config.redirects.get()) {
        return Next::Refuse(format!("{} redirects were followed already", config.redirects.get()));
    }
    if now.is_secure() && !target.is_secure() {
        return Next::Refuse("it leads from `https` to `http`".into());
    }
    let mut origins = std::iter::once(&config.url).chain(&config.redirect_origins);
    if !origins.any(|url| url.origin() == target.origin()) {
        return Next::Refuse("it leads to another scheme, host or port; `redirect-origins` may allow it".into());
    }
    Next::Follow(Box::new(target))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(settings: &str, location: &str, asked: &[&str]) -> Next {
        let config: Config = serde_json::from_str(settings).unwrap();
        let asked: Vec<Url> = asked.iter().map(|url| url.parse().unwrap()).collect();
        let answer = Answer { status: 302, ..Answer::default() };
        next(&config, asked.last().unwrap(), &answer, Some(location), &asked)
    }

    #[test]
    fn rules() {
        let follows =
            r#"{"url":"https://a.example/","redirects":2,"redirect-origins":["https://b.example","http://c.example"]}"#;
        let refused = |settings: &str, location: &str, words: &str| {
            let Next::Refuse(why) = decide(settings, location, &["https://a.example/"]) else {
                panic!("{location} was followed");
            };
            assert!(why.contains(words), "{why}");
        };
        let goes = |location: &str| {
            assert!(matches!(decide(follows, location, &["https://a.example/"]), Next::Follow(_)), "{location}");
        };
        goes("/x");
        goes("https://A.example:443/x");
        goes("https://b.example/x");
        refused(follows, "https://a.example:8443/x", "another scheme");
        refused(follows, "https://evil.example/x", "another scheme");
        refused(follows, "https://b.example.evil.example/x", "another scheme");
        refused(follows, "http://c.example/x", "from `https` to `http`");
        refused(follows, "http://a.example/", "from `https` to `http`");
        refused(follows, "ftp://a.example/", "neither");
        refused(follows, "/", "circle");
        let post = r#"{"url":"https://a.example/","redirects":2,"method":"POST"}"#;
        refused(post, "/x", "only `GET`");
        let one = r#"{"url":"https://a.example/","redirects":1}"#;
        let twice = decide(one, "/y", &["https://a.example/", "https://a.example/x"]);
        assert_eq!(twice, Next::Refuse("1 redirects were followed already".into()));
        let none = r#"{"url":"https://a.example/"}"#;
        assert_eq!(decide(none, "/x", &["https://a.example/"]), Next::Stay);
    }
}
