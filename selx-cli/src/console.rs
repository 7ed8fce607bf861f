//! Where a program writes: standard output and error, what they are, and what the environment says about them.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write};

/// Standard output and standard error with what is known about them.
///
/// A program writes through it alone. Tests and programs that embed this one make their own with [`Console::to`].
pub struct Console {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    out_terminal: Option<usize>,
    err_terminal: Option<usize>,
    environment: Environment,
}

/// What the environment says about texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Environment {
    no_color: bool,
    force_color: bool,
    dumb: bool,
    utf8: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` asks for them everywhere.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The width that a text is laid out for when nobody says how wide its reader is: a mail.
const USUAL_WIDTH: usize = 100;

impl Console {
    /// Makes the console of this process.
    pub fn of_process() -> Self {
        Self {
            out_terminal: io::stdout().is_terminal().then(|| width(&io::stdout())),
            err_terminal: io::stderr().is_terminal().then(|| width(&io::stderr())),
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            environment: Environment::read(|name| std::env::var_os(name)),
        }
    }

    /// Makes a console of any two writers, neither of which is a terminal.
    pub fn to(out: impl Write + Send + 'static, err: impl Write + Send + 'static) -> Self {
        Self {
            out: Box::new(out),
            err: Box::new(err),
            out_terminal: None,
            err_terminal: None,
            environment: Environment { utf8: true, ..Environment::default() },
        }
    }

    /// Tells whether standard output is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.out_terminal.is_some()
    }

    /// Returns the width of the terminal on standard error, if it is one that understands cursor movement.
    pub(crate) fn progress_width(&self) -> Option<usize> {
        self.err_terminal.filter(|_| !self.environment.dumb)
    }

    /// Returns how many columns a text on standard output may take.
    pub fn width(&self) -> usize {
        self.out_terminal.unwrap_or(USUAL_WIDTH)
    }

    /// Tells whether texts on standard output are to be coloured.
    pub fn colours(&self, wish: Color) -> bool {
        self.environment.colours(wish, self.is_terminal())
    }

    /// Tells whether texts on standard error are to be coloured.
    pub(crate) fn error_colours(&self, wish: Color) -> bool {
        self.environment.colours(wish, self.err_terminal.is_some())
    }

    /// Tells whether the locale shows more than ASCII.
    pub fn unicode(&self) -> bool {
        self.environment.utf8
    }

    /// Writes a text to standard output.
    ///
    /// # Errors
    ///
    /// What the system says, but for a reader that went away: it has what it wanted.
    pub fn print(&mut self, text: &[u8]) -> io::Result<()> {
        let written = self.out.write_all(text).and_then(|()| self.out.flush());
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Writes a text to standard error. If that fails there is nobody left to tell.
    pub fn complain(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush());
    }
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console")
            .field("out_terminal", &self.out_terminal)
            .field("err_terminal", &self.err_terminal)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}

impl Environment {
    fn read(get: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| get(name).filter(|value| !value.is_empty());
        // The first of these that is set decides, as for every program of the system.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let locale = locale.unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        Self {
            no_color: set("NO_COLOR").is_some(),
            force_color: set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            dumb: set("TERM").is_some_and(|value| value == "dumb"),
            utf8: locale.contains("utf-8") || locale.contains("utf8"),
        }
    }

    fn colours(self, wish: Color, terminal: bool) -> bool {
        match wish {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if self.no_color => false,
            Color::Auto if self.force_color => true,
            Color::Auto => terminal && !self.dumb,
        }
    }
}

fn width(stream: &impl std::os::fd::AsFd) -> usize {
    // A terminal that does not know its size says 0.
    match rustix::termios::tcgetwinsize(stream) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => 80,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_first_locale_that_is_set_decides() {
        assert!(environment(&[("LANG", "de_DE.UTF-8")]).utf8);
        assert!(environment(&[("LC_ALL", ""), ("LANG", "C.utf8")]).utf8);
        assert!(!environment(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).utf8);
        assert!(!environment(&[]).utf8);
    }

    #[test]
    fn colours_follow_the_wish_then_the_environment_then_the_terminal() {
        let plain = environment(&[]);
        assert!(plain.colours(Color::Auto, true) && !plain.colours(Color::Auto, false));
        let none = environment(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]);
        assert!(!none.colours(Color::Auto, true) && none.colours(Color::Always, false));
        assert!(environment(&[("CLICOLOR_FORCE", "1")]).colours(Color::Auto, false));
        assert!(!environment(&[("TERM", "dumb")]).colours(Color::Auto, true));
        assert!(!environment(&[("CLICOLOR_FORCE", "1")]).colours(Color::Never, true));
    }
}
