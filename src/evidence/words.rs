//! The closed sets of words that evidence uses, each an enum and its snake_case text.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A word that is not one of its set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not one of {known}")]
pub struct UnknownWord {
    word: String,
    known: String,
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$word_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the API.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word as it stands in JSON.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord {
                        word: word.chars().take(80).collect(),
                        known: [$($word),+].join(", "),
                    }),
                }
            }
        }
    )+};
}

words! {
    /// Whether an actor is a person. Rules such as four-eyes count only people.
    ActorKind {
        /// A person.
        Human = "human",
        /// A program that acts by itself.
        Bot = "bot",
        /// An account that several people use: nobody can tell which of them it was.
        Shared = "shared",
    }

    /// How much deciding a change needs.
    ChangeClass {
        /// Low risk, authorised in advance.
        Standard = "standard",
        /// Assessed and authorised one by one.
        Normal = "normal",
        /// Can't wait; authorised as soon as may be, and reviewed afterwards.
        Emergency = "emergency",
    }

    /// How much could go wrong.
    RiskLevel {
        /// Hardly anything.
        Low = "low",
        /// Something.
        Medium = "medium",
        /// A lot.
        High = "high",
    }

    /// What was decided.
    Decision {
        /// Go ahead.
        Approved = "approved",
        /// Do not.
        Rejected = "rejected",
        /// Change it first.
        ChangesRequested = "changes_requested",
        /// An earlier approval no longer holds.
        Withdrawn = "withdrawn",
    }

    /// What kind of decision it was.
    ApprovalKind {
        /// The content was reviewed.
        Review = "review",
        /// The deployment was authorised.
        Authorization = "authorization",
        /// An emergency change was authorised after the fact.
        Retrospective = "retrospective",
        /// A change was looked back on once it was carried out.
        PostImplementation = "post_implementation",
    }

    /// How a test run or a deployment ended.
    Outcome {
        /// As it should.
        Succeeded = "succeeded",
        /// Not as it should.
        Failed = "failed",
        /// Stopped before the end.
        Cancelled = "cancelled",
        /// Could not be carried out.
        Errored = "errored",
    }

    /// What a deployment does to its environment.
    DeploymentAction {
        /// Puts the artifacts there.
        Deploy = "deploy",
        /// Goes back to an earlier state.
        Rollback = "rollback",
        /// Takes the service away.
        Remove = "remove",
    }
}
