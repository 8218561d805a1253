//! Flags that take one of a few words: the names of the messages' enumerations.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::service::proto::{
    ActorKind, ApprovalKind, ChangeClass, Decision, DeploymentAction, Outcome, RiskLevel,
};

macro_rules! choices {
    ($($function:ident: $type:ident = $prefix:literal { $($word:literal: $help:literal,)* })*) => {$(
        /// Reads one of the words.
        pub(super) fn $function() -> impl TypedValueParser<Value = $type> {
            PossibleValuesParser::new([$(PossibleValue::new($word).help($help),)*]).try_map(|word| {
                let name = format!("{}_{}", $prefix, word.replace('-', "_").to_uppercase());
                $type::from_str_name(&name).ok_or("this word has no meaning in this version")
            })
        }
    )*};
}

choices! {
    actor_kind: ActorKind = "ACTOR_KIND" {
        "human": "a person",
        "bot": "a program that acts by itself",
        "shared": "an account that several people use",
    }
    change_class: ChangeClass = "CHANGE_CLASS" {
        "standard": "low risk, authorised in advance",
        "normal": "assessed and authorised one by one",
        "emergency": "can't wait; authorised and reviewed afterwards",
    }
    risk: RiskLevel = "RISK_LEVEL" {
        "low": "hardly anything could go wrong",
        "medium": "something could go wrong",
        "high": "a lot could go wrong",
    }
    decision: Decision = "DECISION" {
        "approved": "go ahead",
        "rejected": "do not",
        "changes-requested": "change it first",
        "withdrawn": "an earlier approval no longer holds",
    }
    approval_kind: ApprovalKind = "APPROVAL_KIND" {
        "review": "the content was reviewed",
        "authorization": "the deployment was authorised",
        "retrospective": "an emergency change was authorised after the fact",
        "post-implementation": "a change was looked back on once it was carried out",
    }
    outcome: Outcome = "OUTCOME" {
        "succeeded": "as it should",
        "failed": "not as it should",
        "cancelled": "stopped before the end",
        "errored": "could not be carried out",
    }
    action: DeploymentAction = "DEPLOYMENT_ACTION" {
        "deploy": "puts the artifacts there",
        "rollback": "goes back to an earlier state",
        "remove": "takes the service away",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_word_has_a_meaning<P: TypedValueParser>(parser: &P)
    where
        P::Value: Clone + Send + Sync,
    {
        let command = clap::Command::new("test");
        let words: Vec<_> = parser.possible_values().unwrap().collect();
        assert!(!words.is_empty());
        for word in words {
            let parsed = parser.parse_ref(&command, None, word.get_name().as_ref());
            assert!(parsed.is_ok(), "{}", word.get_name());
        }
    }

    #[test]
    fn every_word_of_every_flag_has_a_meaning() {
        every_word_has_a_meaning(&actor_kind());
        every_word_has_a_meaning(&change_class());
        every_word_has_a_meaning(&risk());
        every_word_has_a_meaning(&decision());
        every_word_has_a_meaning(&approval_kind());
        every_word_has_a_meaning(&outcome());
        every_word_has_a_meaning(&action());
    }
}
