//! Progress on stderr: only on a terminal, and only when it takes longer than a second.

use std::{
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const PATIENCE: Duration = Duration::from_secs(1);

/// A bar, or a counter where the end is not known.
pub(super) struct Progress {
    bar: ProgressBar,
    started: Instant,
    on_terminal: bool,
}

impl Progress {
    /// Counts entries.
    pub(super) fn entries(total: Option<u64>) -> Self {
        Self::new(total, "{pos} of {len} entries", "{pos} entries")
    }

    /// Counts bytes.
    pub(super) fn bytes(total: Option<u64>) -> Self {
        Self::new(total, "{bytes} of {total_bytes}", "{bytes}")
    }

    fn new(total: Option<u64>, with_end: &str, without: &str) -> Self {
        let template = match total {
            Some(_) => format!("{{bar:30}} {with_end}, {{eta}} left"),
            None => format!("{{spinner}} {without}, {{elapsed}}"),
        };
        let style = ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        bar.set_style(style);
        Self {
            bar,
            started: Instant::now(),
            on_terminal: stderr().is_terminal(),
        }
    }

    /// Goes to a position.
    pub(super) fn set(&self, position: u64) {
        if self.on_terminal && self.bar.is_hidden() && self.started.elapsed() > PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(position);
    }

    /// Goes on by so many.
    pub(super) fn advance(&self, by: u64) {
        self.set(self.bar.position().saturating_add(by));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
