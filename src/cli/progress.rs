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
    /// Counts entries of a total that [`Progress::set_of`] gives.
    pub(super) fn entries() -> Self {
        Self::new(
            Some(0),
            "{human_pos} of {human_len} entries",
            "{human_pos} entries",
        )
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

    /// Goes to a position of a total.
    pub(super) fn set_of(&self, position: u64, total: u64) {
        self.bar.set_length(total);
        self.set(position);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
