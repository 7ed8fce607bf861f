//! What a kind finds on a host that nobody has described yet.

/// What a kind found out about this host.
#[derive(Clone, Debug, PartialEq)]
pub enum Discovery {
    /// These checks are worth having here.
    Found(Vec<Proposal>),
    /// There is nothing of this sort here; the text says what was looked for.
    Absent(String),
    /// It could not be found out; the text says why.
    Unclear(String),
    /// Only a person can say what to check; nothing is looked for.
    Manual,
}

/// One check that a kind proposes for this host.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The name of the check, kebab-case.
    pub name: String,
    /// Why it is proposed: what was seen.
    pub reason: String,
    /// The settings, as lines of TOML without a table header; empty if the defaults are right. Never the value of a
    /// secret, and never a limit that is wider than the kind's own.
    pub with: String,
}

impl Proposal {
    /// Makes a proposal.
    pub fn new(name: impl Into<String>, reason: impl Into<String>, with: impl Into<String>) -> Self {
        Self { name: name.into(), reason: reason.into(), with: with.into() }
    }
}
