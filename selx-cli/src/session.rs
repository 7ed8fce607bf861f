//! What every command is given.

use std::sync::Arc;

use selx_core::{Registry, Secrets};

use crate::answer::Refusal;
use crate::arguments::Options;
use crate::console::Console;

/// What a command works with.
pub(crate) struct Session<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) options: &'a Options,
    pub(crate) console: &'a mut Console,
    pub(crate) secrets: Arc<Secrets>,
    /// Whether the process is ours, so that its signals are too.
    pub(crate) owns_process: bool,
}

impl Session<'_> {
    /// Finds a kind, or says which one may be meant.
    pub(crate) fn kind(&self, name: &str) -> Result<&dyn selx_core::Factory, Refusal> {
        self.registry.get(name).ok_or_else(|| unknown_kind(self.registry, name))
    }

    /// Lays a page of Markdown out for a terminal; elsewhere it stays what it is.
    pub(crate) fn page(&self, markdown: &str) -> String {
        if !self.console.is_terminal() || self.options.output.is_some() {
            let mut text = markdown.trim_end().to_owned();
            text.push('\n');
            return text;
        }
        let layout =
            crate::page::Layout { width: self.console.width(), colours: self.console.colours(self.options.color) };
        crate::page::laid_out(markdown, layout)
    }

    /// Returns whether the answer is read on a terminal.
    pub(crate) fn on_terminal(&self) -> bool {
        self.console.is_terminal() && self.options.output.is_none()
    }
}

pub(crate) fn unknown_kind(registry: &Registry, name: &str) -> Refusal {
    if registry.get_action(name).is_some() {
        let refusal = Refusal::new(format!("`{name}` is an action, and no check"));
        return refusal.advice(format!("`selx explain {name}` shows how it is described, `selx act` does it"));
    }
    let meant = selx_core::nearest(name, registry.names());
    let refusal = Refusal::new(format!("no kind is named `{name}`"));
    refusal.advice(match meant {
        Some(meant) => format!("is `{meant}` meant? `selx list` names all"),
        None => "`selx list` names all".to_owned(),
    })
}
