//! The enums of the API and the words of evidence.

use crate::{evidence, service::proto};

/// A number that this version knows no word for.
pub(super) struct UnknownNumber;

/// One of the closed sets of words, as a number of the API.
pub(super) trait Word: Copy + Sized {
    /// Its number.
    fn number(self) -> i32;

    /// What a number says: `Ok(None)` for the unspecified one, an error for one that is not known.
    fn from_number(number: i32) -> Result<Option<Self>, UnknownNumber>;

    /// The words there are, for the message.
    fn known() -> String;
}

macro_rules! words {
    ($($name:ident { $($variant:ident),+ })+) => {$(
        impl Word for evidence::$name {
            fn number(self) -> i32 {
                match self {
                    $(Self::$variant => proto::$name::$variant,)+
                }
                .into()
            }

            fn from_number(number: i32) -> Result<Option<Self>, UnknownNumber> {
                match proto::$name::try_from(number) {
                    Ok(proto::$name::Unspecified) => Ok(None),
                    $(Ok(proto::$name::$variant) => Ok(Some(Self::$variant)),)+
                    Err(_) => Err(UnknownNumber),
                }
            }

            fn known() -> String {
                Self::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", ")
            }
        }
    )+};
}

words! {
    ActorKind { Human, Bot, Shared }
    ChangeClass { Standard, Normal, Emergency }
    RiskLevel { Low, Medium, High }
    Decision { Approved, Rejected, ChangesRequested, Withdrawn }
    ApprovalKind { Review, Authorization, Retrospective, PostImplementation }
    Outcome { Succeeded, Failed, Cancelled, Errored }
    DeploymentAction { Deploy, Rollback, Remove }
}
