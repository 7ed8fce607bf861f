//! Answers: what a command says, where it goes, and the code that it ends with.

use selx_core::escape;
use selx_core::exit_codes;
use selx_core::format::{Format, write_atomic};

use crate::arguments::Options;
use crate::console::{Color, Console};

/// Why a command could not do what it was asked for: what, where, why, and what to do.
#[derive(Debug)]
pub(crate) struct Refusal {
    message: String,
    advice: Option<String>,
    verbatim: bool,
    code: Option<u8>,
}

impl Refusal {
    /// Makes one of a text that is laid out already, such as the errors of a file with their carets.
    pub(crate) fn verbatim(text: impl ToString) -> Self {
        Self { message: text.to_string(), advice: None, verbatim: true, code: None }
    }

    /// Makes one of a lower-case fragment.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), advice: None, verbatim: false, code: None }
    }

    /// Adds what to do.
    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Sets the code that the program ends with, unless it has one; without it, it is unknown.
    pub(crate) fn code(mut self, code: u8) -> Self {
        self.code.get_or_insert(code);
        self
    }
}

impl From<selx_core::Error> for Refusal {
    fn from(error: selx_core::Error) -> Self {
        Self { message: error.to_string(), advice: error.advice_text().map(str::to_owned), verbatim: false, code: None }
    }
}

/// What a command says.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The text; it may be empty.
    pub(crate) text: String,
    /// The exit code that it ends with, if the text arrives.
    pub(crate) code: u8,
    /// The rights of the file that `--output` writes.
    pub(crate) mode: u32,
    /// Whether the code tells what was changed: then it stands, whoever could read the text or not.
    pub(crate) lasting: bool,
}

/// Rights for a file that everybody may read: documentation, and metrics that a collector reads as another user.
pub(crate) const PUBLIC: u32 = 0o644;

/// Rights for a file that tells what is wrong with a host.
pub(crate) const PRIVATE: u32 = 0o600;

impl Answer {
    /// Makes an answer that is fine.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: exit_codes::OK, mode: PUBLIC, lasting: false }
    }

    /// Ends with another code.
    pub(crate) fn code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// Makes the answer of a command that changes something.
    pub(crate) fn lasting(mut self) -> Self {
        self.mode = PRIVATE;
        self.lasting = true;
        self
    }
}

/// Says why a command refused, and returns the code for it.
pub(crate) fn refuse(console: &mut Console, color: Color, refusal: &Refusal) -> u8 {
    let (bold, plain) = if console.error_colours(color) { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
    let mut text = String::new();
    for (index, line) in refusal.message.trim_end().lines().enumerate() {
        let prefix = if refusal.verbatim {
            String::new()
        } else if index == 0 {
            format!("{bold}selx:{plain} ")
        } else {
            "  ".to_owned()
        };
        text.push_str(&format!("{prefix}{}\n", escape::visible(line)));
    }
    for line in refusal.advice.iter().flat_map(|advice| advice.lines()) {
        text.push_str(&format!("  {}\n", escape::visible(line)));
    }
    console.complain(&text);
    refusal.code.unwrap_or(exit_codes::UNKNOWN)
}

/// Delivers an answer and returns the code to end with: never 0 if nobody could have read it, unless it tells what was
/// changed.
pub(crate) fn deliver(console: &mut Console, options: &Options, answer: &Answer) -> u8 {
    let code = delivered(console, options, answer);
    if answer.lasting { answer.code } else { code }
}

fn delivered(console: &mut Console, options: &Options, answer: &Answer) -> u8 {
    if options.quiet && answer.code == exit_codes::OK && options.output.is_none() {
        return answer.code;
    }
    let Some(path) = &options.output else {
        return match console.print(answer.text.as_bytes()) {
            Ok(()) => answer.code,
            Err(error) => {
                let refusal = Refusal::new(format!("standard output cannot be written: {error}"))
                    .advice("what it was to say is lost; look at the free space where it goes");
                refuse(console, options.color, &refusal)
            }
        };
    };
    let Err(error) = write_atomic(path, answer.text.as_bytes(), answer.mode) else {
        return answer.code;
    };
    let mut refusal = Refusal::from(error);
    refusal.message.push_str("; the answer is on standard output instead");
    let refused = refuse(console, options.color, &refusal);
    match console.print(answer.text.as_bytes()) {
        // Critical is worse than unknown, and it was delivered.
        Ok(()) if answer.code == exit_codes::CRITICAL => answer.code,
        _ => refused,
    }
}

/// Refuses a form that a command has not.
pub(crate) fn human_or_json(options: &Options) -> Result<bool, Refusal> {
    match options.format {
        None | Some(Format::Human) => Ok(false),
        Some(Format::Json) => Ok(true),
        Some(other) => Err(Refusal::new(format!("`--format {other}` is a form of reports only"))
            .advice("this command answers in `human` or `json`")),
    }
}

/// Refuses every form but the one there is.
pub(crate) fn one_form_only(options: &Options) -> Result<(), Refusal> {
    match options.format {
        None | Some(Format::Human) => Ok(()),
        Some(other) => Err(Refusal::new(format!("this command has no form `{other}`")).advice("leave `--format` out")),
    }
}
