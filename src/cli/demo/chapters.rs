//! The story the demo tells: a week of deliveries of three services.
//!
//! Five changes, each to show something an auditor looks for: a normal change done right, tests that fail before they
//! pass, a deployment that fails and is rolled back, an emergency approved afterwards, and one rejected. Around them
//! stand the nightly dependency updates that make up most of any real ledger.

use super::story::{Author, Chapter, DAY, Delivery, HOUR, MINUTE, bot, person};
use crate::service::proto::{
    Actor, ApprovalKind, Change, ChangeClass, Custom, Decision, Event, Outcome, RiskLevel,
    event::Evidence,
};

const REVIEWED: (Decision, ApprovalKind) = (Decision::Approved, ApprovalKind::Review);
const AUTHORISED: (Decision, ApprovalKind) = (Decision::Approved, ApprovalKind::Authorization);

/// The whole story, ending about `now`, in seconds since the epoch.
pub(super) fn story(now: i64) -> Vec<Chapter> {
    let mut author = Author::new("delivery", now.saturating_sub(6 * DAY));
    normal_change(&mut author);
    failing_tests(&mut author);
    rollback(&mut author);
    emergency(&mut author);
    rejected(&mut author);
    author.chapters
}

/// Routine: four events a night and service, ending a week before `now`.
pub(super) fn nights(nights: u32, now: i64) -> Vec<Event> {
    let before = DAY.saturating_mul(i64::from(nights).saturating_add(7));
    let began = now.saturating_sub(before);
    let mut author = Author::new("nightly", began);
    author.chapter("nightly dependency updates");
    for night in 0..nights {
        author.wait_until(began.saturating_add(DAY.saturating_mul(i64::from(night))));
        for service in ["payments", "accounts", "search"] {
            nightly(&mut author, service, night);
        }
    }
    let chapters = author.chapters.into_iter();
    chapters.flat_map(|chapter| chapter.events).collect()
}

fn normal_change(author: &mut Author) {
    author.chapter("a normal change: asked for, reviewed, tested, authorised, deployed");
    let delivery = Delivery::new("CHG-1042", "payments", "1.8.0");
    let why = "One payment in 400 fails on a slow acquirer and succeeds when tried again";
    let change = Change {
        reason: why.to_owned(),
        impact: "Payments may take up to four seconds longer".to_owned(),
        rollback_plan: "Redeploy payments 1.7.3; no data changes".to_owned(),
        requester: Some(noor()),
        comment: "Noor asked for this after the complaints of last week.".to_owned(),
        ..titled("Retry card authorisations that time out", ada())
    };
    author.request(&delivery, ChangeClass::Normal, RiskLevel::Medium, change);
    author.after(2 * HOUR);
    let comment = "Please log the number of tries, too. Otherwise fine.";
    author.decide(&delivery, REVIEWED, grace(), comment);
    author.after(20 * MINUTE);
    author.test(&delivery, "unit", 412, 0);
    author.after(10 * MINUTE);
    author.test(&delivery, "integration", 58, 0);
    author.deploy(&delivery, "staging", Outcome::Succeeded);
    author.after(HOUR);
    author.decide(&delivery, AUTHORISED, linus(), "");
    author.after(30 * MINUTE);
    author.deploy(&delivery, "production", Outcome::Succeeded);
}

fn failing_tests(author: &mut Author) {
    author.chapter("tests that fail, and pass on the next commit");
    let candidate = Delivery::new("CHG-1043", "search", "3.1.0-rc1");
    let delivery = candidate.version("3.1.0");
    let change = Change {
        rollback_plan: "Switch the feature flag off".to_owned(),
        ..titled("Rank exact matches first", grace())
    };
    author.request(&candidate, ChangeClass::Normal, RiskLevel::Low, change);
    author.test(&candidate, "unit", 233, 4);
    author.after(3 * HOUR);
    author.test(&delivery, "unit", 237, 0);
    author.decide(&delivery, REVIEWED, ada(), "");
    author.after(15 * MINUTE);
    author.decide(&delivery, AUTHORISED, linus(), "");
    author.after(5 * MINUTE);
    author.deploy(&delivery, "production", Outcome::Succeeded);
}

fn rollback(author: &mut Author) {
    author.chapter("a deployment that fails and is rolled back");
    let delivery = Delivery::new("CHG-1044", "accounts", "2.0.0");
    let change = Change {
        rollback_plan: "Redeploy accounts 1.9.4; sessions stay in both stores for a week"
            .to_owned(),
        ..titled("Move sessions to the new store", ada())
    };
    author.request(&delivery, ChangeClass::Normal, RiskLevel::High, change);
    author.after(4 * HOUR);
    author.test(&delivery, "unit", 641, 0);
    author.decide(&delivery, REVIEWED, grace(), "");
    author.decide(&delivery, AUTHORISED, linus(), "");
    author.after(HOUR);
    let failed = author.deploy(&delivery, "production", Outcome::Failed);
    author.after(9 * MINUTE);
    let comment = "Log-ins timed out; rolled back by the on-call engineer.";
    author.roll_back(&delivery.version("1.9.4"), failed, comment);
}

fn emergency(author: &mut Author) {
    author.chapter("an emergency, authorised after the fact");
    let delivery = Delivery::new("CHG-1045", "accounts", "1.9.5");
    incident(author, "detected", "Log-ins fail for one customer in ten");
    author.after(12 * MINUTE);
    let change = Change {
        reason: "Incident INC-311: log-ins fail".to_owned(),
        rollback_plan: "Redeploy accounts 1.9.4".to_owned(),
        ..titled("Raise the connection limit of the session store", grace())
    };
    author.request(&delivery, ChangeClass::Emergency, RiskLevel::Medium, change);
    author.test(&delivery, "smoke", 17, 0);
    author.after(6 * MINUTE);
    author.deploy(&delivery, "production", Outcome::Succeeded);
    author.after(4 * MINUTE);
    incident(author, "resolved", "Log-ins work again");
    author.after(15 * HOUR);
    let afterwards = (Decision::Approved, ApprovalKind::Retrospective);
    let comment = "Seen the next morning. The limit belongs into the template; see CHG-1051.";
    author.decide(&delivery, afterwards, linus(), comment);
}

fn rejected(author: &mut Author) {
    author.chapter("a change that was rejected");
    let delivery = Delivery::new("CHG-1046", "payments", "1.9.0");
    let change = titled("Keep card numbers for a day to make retries easier", ada());
    author.request(&delivery, ChangeClass::Normal, RiskLevel::High, change);
    author.after(HOUR);
    let rejected = (Decision::Rejected, ApprovalKind::Authorization);
    let comment = "No card data at rest. Use the acquirer's token.";
    author.decide(&delivery, rejected, linus(), comment);
}

fn nightly(author: &mut Author, service: &'static str, night: u32) {
    let change = format!("DEP-{service}-{night}");
    let delivery = Delivery::new(&change, service, &format!("nightly-{night}"));
    let update = titled("Update dependencies", bot("bot:dependency-updates"));
    author.request(&delivery, ChangeClass::Standard, RiskLevel::Low, update);
    author.after(7 * MINUTE);
    author.test(&delivery, "unit", 400, 0);
    author.after(11 * MINUTE);
    author.test(&delivery, "integration", 58, 0);
    author.after(5 * MINUTE);
    author.deploy(&delivery, "production", Outcome::Succeeded);
}

/// An incident, as the monitoring system would report it: no type of ours, but one of CDEvents'.
fn incident(author: &mut Author, what: &str, description: &str) {
    let event_type = format!("dev.cdevents.incident.{what}.0.3.0");
    let json = serde_json::json!({
        "context": { "specversion": "0.5.1", "type": event_type },
        "subject": {
            "id": "INC-311",
            "content": {
                "environment": { "id": "production" },
                "description": description,
                "service": { "id": "accounts" },
            },
        },
    });
    let custom = Custom {
        r#type: event_type,
        json: json.to_string().into_bytes().into(),
        ..Custom::default()
    };
    author.post("accounts", Evidence::Custom(custom));
}

fn titled(title: &str, author: Actor) -> Change {
    Change {
        title: title.to_owned(),
        author: Some(author),
        ..Change::default()
    }
}

fn ada() -> Actor {
    person(
        "user:1815",
        "developer",
        "Ada Byron",
        "ada.byron@example.com",
    )
}

fn grace() -> Actor {
    person(
        "user:1906",
        "developer",
        "Grace Murray",
        "grace.murray@example.com",
    )
}

fn linus() -> Actor {
    person(
        "user:1901",
        "change-authority",
        "Linus Pauling",
        "linus.pauling@example.com",
    )
}

fn noor() -> Actor {
    person(
        "user:2207",
        "product-owner",
        "Noor Haddad",
        "noor.haddad@example.com",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_nights_there_are_none_is_to_come_or_before_the_epoch() {
        let now = 1_790_000_000;
        for count in [1, 25, 20_000] {
            let times = nights(count, now).into_iter();
            let times: Vec<i64> = times
                .map(|event| event.occurred_at.unwrap().seconds)
                .collect();
            assert_eq!(times.len(), usize::try_from(count).unwrap() * 12);
            let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
            assert!(*first > 0 && *last < now, "{first} to {last}");
            assert!(now - last < 9 * DAY, "{last}");
        }
    }
}
