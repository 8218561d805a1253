//! Routine, which makes up most of any real ledger: nightly dependency updates of three services.

use super::story::{Author, DAY, MINUTE, artifact, bot, commit, deployed, requested, tested};
use crate::service::proto::{Change, ChangeClass, Event, Outcome, RiskLevel, event::Evidence};

/// Four events a night and service, ending a week before `now`, in seconds since the epoch.
pub(super) fn nights(nights: u32, now: i64) -> Vec<Event> {
    let before = DAY.saturating_mul(i64::from(nights).saturating_add(7));
    let mut author = Author::from(now.saturating_sub(before));
    author.chapter("nightly dependency updates");
    for night in 0..nights {
        author.clock = author.clock.saturating_add(DAY);
        for service in ["payments", "accounts", "search"] {
            author.nightly(service, night);
        }
    }
    author
        .chapters
        .into_iter()
        .flat_map(|chapter| chapter.events)
        .collect()
}

impl Author {
    fn nightly(&mut self, service: &'static str, night: u32) {
        let version = format!("nightly-{night}");
        let change = format!("DEP-{service}-{night}");
        let (commit, build) = (
            commit(&format!("{service} {version}")),
            artifact(service, &version),
        );
        self.post(
            service,
            Evidence::Change(Change {
                title: "Update dependencies".to_owned(),
                author: Some(bot("bot:dependency-updates")),
                ..requested(
                    &change,
                    ChangeClass::Standard,
                    RiskLevel::Low,
                    service,
                    &commit,
                )
            }),
        );
        self.after(7 * MINUTE);
        self.post(
            service,
            tested(
                "unit",
                Outcome::Succeeded,
                (400, 0, 3),
                &change,
                &commit,
                &build,
            ),
        );
        self.after(11 * MINUTE);
        self.post(
            service,
            tested(
                "integration",
                Outcome::Succeeded,
                (58, 0, 0),
                &change,
                &commit,
                &build,
            ),
        );
        self.after(5 * MINUTE);
        self.post(
            service,
            deployed(
                service,
                "production",
                Outcome::Succeeded,
                &change,
                &commit,
                &build,
            ),
        );
    }
}
