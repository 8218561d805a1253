//! The story the demo tells: a week of deliveries of three services, as their pipelines would post it.
//!
//! Six changes, each to show something an auditor looks for: a normal change done right, a standard one, tests that fail
//! before they pass, a deployment that fails and is rolled back, an emergency approved afterwards, and one rejected.
//! Around them, the nightly dependency updates that make up most of any real ledger.

use crate::service::proto::{
    self, Actor, ActorKind, Approval, ApprovalKind, Artifact, Change, ChangeClass, Custom,
    Decision, Deployment, DeploymentAction, Event, Link, Outcome, Revision, RiskLevel, TestRun,
    TestTotals, event::Evidence,
};

/// A chapter: its heading, and what the pipelines posted.
pub(super) struct Chapter {
    pub(super) heading: &'static str,
    pub(super) events: Vec<Event>,
}

/// Writes the events of the story, and gives each its id, time and place in its source's count.
pub(super) struct Author {
    pub(super) chapters: Vec<Chapter>,
    /// Seconds since the epoch, by the producers' clocks.
    pub(super) clock: i64,
    posted: std::collections::BTreeMap<&'static str, u64>,
}

/// The whole story, ending at `now` in seconds since the epoch.
pub(super) fn story(now: i64) -> Vec<Chapter> {
    let mut author = Author::from(now.saturating_sub(6 * DAY));
    author.normal_change();
    author.failing_tests();
    author.rollback();
    author.emergency();
    author.rejected();
    author.chapters
}

pub(super) const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

impl Author {
    /// Begins at this time, in seconds since the epoch.
    pub(super) fn from(clock: i64) -> Self {
        Self {
            chapters: Vec::new(),
            clock,
            posted: std::collections::BTreeMap::new(),
        }
    }

    fn normal_change(&mut self) {
        self.chapter("a normal change: asked for, reviewed, tested, authorised, deployed");
        let (change, commit, build) = (
            "CHG-1042",
            commit("payments 1.8.0"),
            artifact("payments", "1.8.0"),
        );
        self.post(
            "payments",
            Evidence::Change(Change {
                title: "Retry card authorisations that time out".to_owned(),
                reason: "One payment in 400 fails on a slow acquirer and succeeds when tried again"
                    .to_owned(),
                impact: "Payments may take up to four seconds longer".to_owned(),
                rollback_plan: "Redeploy payments 1.7.3; no data changes".to_owned(),
                author: Some(ada()),
                requester: Some(person(
                    "user:2207",
                    "product-owner",
                    "Noor Haddad",
                    "noor.haddad@example.com",
                )),
                comment: "Noor asked for this after the complaints of last week.".to_owned(),
                ..requested(
                    change,
                    ChangeClass::Normal,
                    RiskLevel::Medium,
                    "payments",
                    &commit,
                )
            }),
        );
        self.after(2 * HOUR);
        self.post(
            "payments",
            Evidence::Approval(Approval {
                comment: "Please log the number of tries, too. Otherwise fine.".to_owned(),
                ..decided(
                    change,
                    Decision::Approved,
                    ApprovalKind::Review,
                    grace(),
                    &commit,
                )
            }),
        );
        self.after(20 * MINUTE);
        self.post(
            "payments",
            tested(
                "unit",
                Outcome::Succeeded,
                (412, 0, 3),
                change,
                &commit,
                &build,
            ),
        );
        self.after(10 * MINUTE);
        self.post(
            "payments",
            tested(
                "integration",
                Outcome::Succeeded,
                (58, 0, 0),
                change,
                &commit,
                &build,
            ),
        );
        self.post(
            "payments",
            deployed(
                "payments",
                "staging",
                Outcome::Succeeded,
                change,
                &commit,
                &build,
            ),
        );
        self.after(HOUR);
        self.post(
            "payments",
            Evidence::Approval(Approval {
                artifacts: vec![build.clone()],
                environment: "production".to_owned(),
                ..decided(
                    change,
                    Decision::Approved,
                    ApprovalKind::Authorization,
                    linus(),
                    &commit,
                )
            }),
        );
        self.after(30 * MINUTE);
        self.post(
            "payments",
            deployed(
                "payments",
                "production",
                Outcome::Succeeded,
                change,
                &commit,
                &build,
            ),
        );
    }

    fn failing_tests(&mut self) {
        self.chapter("tests that fail, and pass on the next commit");
        let change = "CHG-1043";
        let (first, second) = (commit("search 3.1.0-rc1"), commit("search 3.1.0"));
        let (candidate, build) = (artifact("search", "3.1.0-rc1"), artifact("search", "3.1.0"));
        self.post(
            "search",
            Evidence::Change(Change {
                title: "Rank exact matches first".to_owned(),
                rollback_plan: "Switch the feature flag off".to_owned(),
                author: Some(grace()),
                ..requested(
                    change,
                    ChangeClass::Normal,
                    RiskLevel::Low,
                    "search",
                    &first,
                )
            }),
        );
        self.post(
            "search",
            tested(
                "unit",
                Outcome::Failed,
                (233, 4, 0),
                change,
                &first,
                &candidate,
            ),
        );
        self.after(3 * HOUR);
        self.post(
            "search",
            tested(
                "unit",
                Outcome::Succeeded,
                (237, 0, 0),
                change,
                &second,
                &build,
            ),
        );
        self.post(
            "search",
            Evidence::Approval(decided(
                change,
                Decision::Approved,
                ApprovalKind::Review,
                ada(),
                &second,
            )),
        );
        self.after(15 * MINUTE);
        self.post(
            "search",
            Evidence::Approval(decided(
                change,
                Decision::Approved,
                ApprovalKind::Authorization,
                linus(),
                &second,
            )),
        );
        self.after(5 * MINUTE);
        self.post(
            "search",
            deployed(
                "search",
                "production",
                Outcome::Succeeded,
                change,
                &second,
                &build,
            ),
        );
    }

    fn rollback(&mut self) {
        self.chapter("a deployment that fails and is rolled back");
        let (change, commit, build) = (
            "CHG-1044",
            commit("accounts 2.0.0"),
            artifact("accounts", "2.0.0"),
        );
        self.post(
            "accounts",
            Evidence::Change(Change {
                title: "Move sessions to the new store".to_owned(),
                rollback_plan: "Redeploy accounts 1.9.4; sessions stay in both stores for a week"
                    .to_owned(),
                author: Some(ada()),
                ..requested(
                    change,
                    ChangeClass::Normal,
                    RiskLevel::High,
                    "accounts",
                    &commit,
                )
            }),
        );
        self.after(4 * HOUR);
        self.post(
            "accounts",
            tested(
                "unit",
                Outcome::Succeeded,
                (641, 0, 12),
                change,
                &commit,
                &build,
            ),
        );
        self.post(
            "accounts",
            Evidence::Approval(decided(
                change,
                Decision::Approved,
                ApprovalKind::Review,
                grace(),
                &commit,
            )),
        );
        self.post(
            "accounts",
            Evidence::Approval(decided(
                change,
                Decision::Approved,
                ApprovalKind::Authorization,
                linus(),
                &commit,
            )),
        );
        self.after(HOUR);
        let failed = self.post(
            "accounts",
            deployed(
                "accounts",
                "production",
                Outcome::Failed,
                change,
                &commit,
                &build,
            ),
        );
        self.after(9 * MINUTE);
        let Evidence::Deployment(back) = deployed(
            "accounts",
            "production",
            Outcome::Succeeded,
            change,
            &commit,
            &artifact("accounts", "1.9.4"),
        ) else {
            return;
        };
        self.post(
            "accounts",
            Evidence::Deployment(Deployment {
                action: DeploymentAction::Rollback.into(),
                rollback_of: failed,
                comment: "Log-ins timed out; rolled back by the on-call engineer.".to_owned(),
                ..back
            }),
        );
    }

    fn emergency(&mut self) {
        self.chapter("an emergency, authorised after the fact");
        let (change, commit, build) = (
            "CHG-1045",
            commit("accounts 1.9.5"),
            artifact("accounts", "1.9.5"),
        );
        self.post(
            "accounts",
            incident("detected", "Log-ins fail for one customer in ten"),
        );
        self.after(12 * MINUTE);
        self.post(
            "accounts",
            Evidence::Change(Change {
                title: "Raise the connection limit of the session store".to_owned(),
                reason: "Incident INC-311: log-ins fail".to_owned(),
                rollback_plan: "Redeploy accounts 1.9.4".to_owned(),
                author: Some(grace()),
                ..requested(
                    change,
                    ChangeClass::Emergency,
                    RiskLevel::Medium,
                    "accounts",
                    &commit,
                )
            }),
        );
        self.post(
            "accounts",
            tested(
                "smoke",
                Outcome::Succeeded,
                (17, 0, 0),
                change,
                &commit,
                &build,
            ),
        );
        self.after(6 * MINUTE);
        self.post(
            "accounts",
            deployed(
                "accounts",
                "production",
                Outcome::Succeeded,
                change,
                &commit,
                &build,
            ),
        );
        self.after(4 * MINUTE);
        self.post("accounts", incident("resolved", "Log-ins work again"));
        self.after(15 * HOUR);
        self.post("accounts", Evidence::Approval(Approval {
            comment: "Seen the next morning. The limit belongs into the template; follow-up is CHG-1051.".to_owned(),
            ..decided(change, Decision::Approved, ApprovalKind::Retrospective, linus(), &commit)
        }));
    }

    fn rejected(&mut self) {
        self.chapter("a change that was rejected");
        let (change, commit) = ("CHG-1046", commit("payments 1.9.0"));
        self.post(
            "payments",
            Evidence::Change(Change {
                title: "Keep card numbers for a day to make retries easier".to_owned(),
                author: Some(ada()),
                ..requested(
                    change,
                    ChangeClass::Normal,
                    RiskLevel::High,
                    "payments",
                    &commit,
                )
            }),
        );
        self.after(HOUR);
        self.post(
            "payments",
            Evidence::Approval(Approval {
                comment: "No card data at rest. Use the acquirer's token.".to_owned(),
                ..decided(
                    change,
                    Decision::Rejected,
                    ApprovalKind::Authorization,
                    linus(),
                    &commit,
                )
            }),
        );
    }

    pub(super) fn chapter(&mut self, heading: &'static str) {
        self.after(5 * HOUR);
        self.chapters.push(Chapter {
            heading,
            events: Vec::new(),
        });
    }

    pub(super) fn after(&mut self, seconds: i64) {
        self.clock = self.clock.saturating_add(seconds);
    }

    /// Adds an event of a service's pipeline, and gives its id.
    pub(super) fn post(&mut self, service: &'static str, evidence: Evidence) -> String {
        self.after(MINUTE);
        let sequence = self.posted.entry(service).or_default();
        *sequence = sequence.saturating_add(1);
        let pipeline = match self.chapters.last() {
            Some(chapter) if chapter.heading.starts_with("nightly") => "nightly",
            _ => "delivery",
        };
        let event_id = format!("{pipeline}-{service}-{sequence}");
        let source = format!("https://ci.example.com/acme/{service}/{pipeline}");
        let event = Event {
            links: vec![Link {
                rel: "pipeline-run".to_owned(),
                href: format!("{source}/runs/{sequence}"),
            }],
            source,
            event_id: event_id.clone(),
            occurred_at: Some(prost_types::Timestamp {
                seconds: self.clock,
                nanos: 0,
            }),
            source_sequence: *sequence,
            evidence: Some(evidence),
            ..Event::default()
        };
        if let Some(chapter) = self.chapters.last_mut() {
            chapter.events.push(event);
        }
        event_id
    }
}

pub(super) fn requested(
    change: &str,
    class: ChangeClass,
    risk: RiskLevel,
    service: &str,
    commit: &Revision,
) -> Change {
    Change {
        change_id: change.to_owned(),
        change_class: class.into(),
        risk: risk.into(),
        revisions: vec![commit.clone()],
        services: vec![service.to_owned()],
        environments: vec!["production".to_owned()],
        ..Change::default()
    }
}

pub(super) fn decided(
    change: &str,
    decision: Decision,
    kind: ApprovalKind,
    by: Actor,
    commit: &Revision,
) -> Approval {
    Approval {
        change_id: change.to_owned(),
        decision: decision.into(),
        kind: kind.into(),
        approver: Some(by),
        revision: Some(commit.clone()),
        ..Approval::default()
    }
}

pub(super) fn tested(
    suite: &str,
    outcome: Outcome,
    (passed, failed, skipped): (u64, u64, u64),
    change: &str,
    commit: &Revision,
    build: &Artifact,
) -> Evidence {
    Evidence::TestRun(TestRun {
        suite: suite.to_owned(),
        kind: suite.to_owned(),
        outcome: outcome.into(),
        artifacts: vec![build.clone()],
        revision: Some(commit.clone()),
        totals: Some(TestTotals {
            passed,
            failed,
            skipped,
            flaky: 0,
            errored: 0,
        }),
        change_ids: vec![change.to_owned()],
        tool: "cargo-nextest 0.9".to_owned(),
        ..TestRun::default()
    })
}

pub(super) fn deployed(
    service: &str,
    environment: &str,
    outcome: Outcome,
    change: &str,
    commit: &Revision,
    build: &Artifact,
) -> Evidence {
    Evidence::Deployment(Deployment {
        service: service.to_owned(),
        environment: environment.to_owned(),
        artifacts: vec![build.clone()],
        outcome: outcome.into(),
        action: DeploymentAction::Deploy.into(),
        change_ids: vec![change.to_owned()],
        deployer: Some(bot("bot:deployer")),
        revision: Some(commit.clone()),
        ..Deployment::default()
    })
}

/// An incident, as the monitoring system would report it: no type of ours, but one of CDEvents'.
fn incident(what: &str, description: &str) -> Evidence {
    let json = serde_json::json!({
        "context": { "specversion": "0.5.1", "type": format!("dev.cdevents.incident.{what}.0.3.0") },
        "subject": {
            "id": "INC-311",
            "content": { "environment": { "id": "production" }, "description": description, "service": { "id": "accounts" } },
        },
    });
    Evidence::Custom(Custom {
        r#type: format!("dev.cdevents.incident.{what}.0.3.0"),
        json: json.to_string().into_bytes().into(),
        ..Custom::default()
    })
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

fn person(id: &str, role: &str, name: &str, mail: &str) -> Actor {
    Actor {
        id: id.to_owned(),
        role: role.to_owned(),
        kind: ActorKind::Human.into(),
        display_name: name.to_owned(),
        mail: mail.to_owned(),
    }
}

pub(super) fn bot(id: &str) -> Actor {
    Actor {
        id: id.to_owned(),
        kind: ActorKind::Bot.into(),
        ..Actor::default()
    }
}

pub(super) fn artifact(service: &str, version: &str) -> Artifact {
    let digest = blake3::hash(format!("{service} {version}").as_bytes()).to_hex();
    proto::Artifact {
        name: format!("registry.example.com/acme/{service}"),
        digest: format!("sha256:{digest}"),
        version: version.to_owned(),
    }
}

pub(super) fn commit(of: &str) -> Revision {
    let id = blake3::hash(of.as_bytes()).to_hex();
    Revision {
        repository: "https://git.example.com/acme/shop".to_owned(),
        commit: id.chars().take(40).collect(),
        r#ref: "refs/heads/main".to_owned(),
    }
}
