//! A confirmed break, in lines for people.

use crate::{
    ledger::{breaks::Known, position::count},
    pack::breaks::ConfirmedBreak,
};

use super::super::text::grouped;

/// The most things of one confirmation that are shown; JSON has all.
const SHOWN_MAX: usize = 10;

/// Says what was confirmed, by whom and when, and what became of it.
pub(in crate::cli) fn lines_of(confirmed: &ConfirmedBreak) -> Vec<String> {
    let by = confirmed
        .by
        .as_deref()
        .unwrap_or("somebody who is not named here");
    let mut lines = vec![
        format!(
            "entry {}, recorded {}, confirmed by {by}: {}",
            confirmed.entry, confirmed.confirmed_at, confirmed.what
        ),
        format!("entry {}, why: {}", confirmed.entry, confirmed.why),
    ];
    for (state, known) in [
        ("known", &confirmed.found),
        ("no longer found", &confirmed.no_longer_found),
        ("not looked at here", &confirmed.not_looked_at),
    ] {
        let shown = known.iter().take(SHOWN_MAX);
        lines.extend(
            shown.map(|known: &Known| format!("entry {}, {state}: {known}", confirmed.entry)),
        );
        let left = count(known.len().saturating_sub(SHOWN_MAX));
        if left > 0 {
            let left = grouped(left);
            lines.push(format!(
                "entry {}, {state}: and {left} more",
                confirmed.entry
            ));
        }
    }
    lines
}
