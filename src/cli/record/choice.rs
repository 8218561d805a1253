//! Flags that take one of a few words of the evidence; with hyphens, as flags have them, or as in JSON.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::evidence::{
    ActorKind, ApprovalKind, ChangeClass, Decision, DeploymentAction, Outcome, RiskLevel,
};

macro_rules! choices {
    ($($function:ident: $type:ident { $($word:literal: $help:literal,)* })*) => {$(
        /// Reads one of the words.
        pub(super) fn $function() -> impl TypedValueParser<Value = $type> {
            PossibleValuesParser::new([$(word($word).help($help),)*])
                .try_map(|word| word.replace('-', "_").parse::<$type>())
        }
    )*};
}

fn word(word: &'static str) -> PossibleValue {
    PossibleValue::new(word).alias(word.replace('-', "_"))
}

choices! {
    actor_kind: ActorKind {
        "human": "a person",
        "bot": "a program that acts by itself",
        "shared": "an account that several people use",
    }
    change_class: ChangeClass {
        "standard": "low risk, authorised in advance",
        "normal": "assessed and authorised one by one",
        "emergency": "can't wait; authorised and reviewed afterwards",
    }
    risk: RiskLevel {
        "low": "hardly anything could go wrong",
        "medium": "something could go wrong",
        "high": "a lot could go wrong",
    }
    decision: Decision {
        "approved": "go ahead",
        "rejected": "do not",
        "changes-requested": "change it first",
        "withdrawn": "an earlier approval no longer holds",
    }
    approval_kind: ApprovalKind {
        "review": "the content was reviewed",
        "authorization": "the deployment was authorised",
        "retrospective": "an emergency change was authorised after the fact",
        "post-implementation": "a change was looked back on once it was carried out",
    }
    outcome: Outcome {
        "succeeded": "as it should",
        "failed": "not as it should",
        "cancelled": "stopped before the end",
        "errored": "could not be carried out",
    }
    action: DeploymentAction {
        "deploy": "puts the artifacts there",
        "rollback": "goes back to an earlier state",
        "remove": "takes the service away",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_word_has_a_meaning<P: TypedValueParser>(parser: &P, values: usize) {
        let command = clap::Command::new("test");
        let words: Vec<_> = parser.possible_values().unwrap().collect();
        assert_eq!(words.len(), values);
        for word in words {
            let parsed = parser.parse_ref(&command, None, word.get_name().as_ref());
            assert!(parsed.is_ok(), "{}", word.get_name());
        }
    }

    #[test]
    fn every_word_of_every_flag_has_a_meaning() {
        every_word_has_a_meaning(&actor_kind(), ActorKind::ALL.len());
        every_word_has_a_meaning(&change_class(), ChangeClass::ALL.len());
        every_word_has_a_meaning(&risk(), RiskLevel::ALL.len());
        every_word_has_a_meaning(&decision(), Decision::ALL.len());
        every_word_has_a_meaning(&approval_kind(), ApprovalKind::ALL.len());
        every_word_has_a_meaning(&outcome(), Outcome::ALL.len());
        every_word_has_a_meaning(&action(), DeploymentAction::ALL.len());
    }
}
