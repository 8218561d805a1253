//! Flags about who did something.

use super::{super::args, EVIDENCE, choice};
use crate::evidence::{Actor, ActorKind};

macro_rules! actor_args {
    ($(#[$doc:meta])* $name:ident, $flag:literal, $who:literal $(, $required:ident = $value:expr)?) => {
        $(#[$doc])*
        #[derive(Debug, clap::Args)]
        pub(super) struct $name {
            #[arg(
                id = $flag,
                long = $flag,
                value_name = "ID",
                value_parser = args::text,
                help_heading = EVIDENCE,
                help = concat!($who, ": a stable identity without personal data, such as github:octocat"),
                $($required = $value)?
            )]
            id: Option<String>,
            #[arg(
                id = concat!($flag, "-role"),
                long = concat!($flag, "-role"),
                value_name = "ROLE",
                value_parser = args::text,
                requires = $flag,
                help_heading = EVIDENCE,
                help = "In which role, such as developer, change-authority or release-manager",
            )]
            role: Option<String>,
            #[arg(
                id = concat!($flag, "-kind"),
                long = concat!($flag, "-kind"),
                value_name = "KIND",
                value_parser = choice::actor_kind(),
                hide_possible_values = true,
                requires = $flag,
                help_heading = EVIDENCE,
                help = "Whether it is a person: human, bot or shared; only people count for four-eyes rules",
            )]
            kind: Option<ActorKind>,
            #[arg(
                id = concat!($flag, "-name"),
                long = concat!($flag, "-name"),
                value_name = "NAME",
                value_parser = args::text,
                requires = $flag,
                help_heading = EVIDENCE,
                help = "The name people know them by; kept as personal data, which can be erased",
            )]
            display_name: Option<String>,
            #[arg(
                id = concat!($flag, "-mail"),
                long = concat!($flag, "-mail"),
                value_name = "ADDRESS",
                value_parser = args::text,
                requires = $flag,
                help_heading = EVIDENCE,
                help = "Mail address; kept as personal data, which can be erased",
            )]
            mail: Option<String>,
        }

        impl $name {
            /// Who, where it is said.
            pub(super) fn actor(self) -> Option<Actor> {
                Some(Actor {
                    id: self.id?,
                    role: self.role,
                    kind: self.kind,
                    display_name: self.display_name,
                    mail: self.mail,
                })
            }
        }
    };
}

actor_args!(
    /// Who wrote a change.
    AuthorArgs, "author", "Who wrote the change"
);
actor_args!(
    /// Who asked for a change.
    RequesterArgs, "requester", "Who asked for the change"
);
actor_args!(
    /// Who decided.
    ApproverArgs, "approver", "Who decided", required_unless_present = "json"
);
actor_args!(
    /// Who or what started a test run.
    TriggeredByArgs, "triggered-by", "Who or what started the run"
);
actor_args!(
    /// Who or what deployed.
    DeployerArgs, "deployer", "Who or what deployed", required_unless_present = "json"
);
