//! The properties that a fuzz target and the property tests ask of evidence, as one function each.

use super::{
    APPROVAL_TYPE, CHANGE_TYPE, Custom, DEPLOYMENT_TYPE, Evidence, PostedEvent, TEST_RUN_TYPE,
    check_json_object,
};
use crate::ledger::{event::Event, payload::Salt, position::UnixNanos};

/// The ledger's clock while properties are tried.
pub(crate) const NOW: UnixNanos = UnixNanos::new(1_796_000_000_000_000_000);

/// Reads arbitrary bytes in every way there is: as an event, as a body of each type, as JSON to be kept.
///
/// # Panics
/// Where something that was read does not come back the same.
#[doc(hidden)]
pub fn fuzz_json(bytes: &[u8]) {
    for event_type in [
        CHANGE_TYPE,
        APPROVAL_TYPE,
        TEST_RUN_TYPE,
        DEPLOYMENT_TYPE,
        "com.example.other",
    ] {
        if let Ok(evidence) = Evidence::from_body(event_type, bytes) {
            assert_eq!(evidence.event_type(), event_type);
            assert_eq!(evidence.into_body().ok().as_deref(), Some(bytes));
        }
    }
    if check_json_object(bytes).is_ok() {
        let custom = Custom {
            event_type: "com.example.other".to_owned(),
            json: bytes.to_vec(),
            parts: Vec::new(),
        };
        comes_back(PostedEvent::new("urn:fuzz", "1", custom));
    }
    if let Ok(posted) = PostedEvent::from_json(bytes) {
        let json = serde_json::to_vec(&posted).ok();
        let again = json.and_then(|json| PostedEvent::from_json(&json).ok());
        assert_eq!(again.as_ref(), Some(&posted), "the JSON form changes it");
        comes_back(posted);
    }
}

/// Makes a ledger event of what was posted, if it is valid, and reads it back from its payload.
///
/// # Panics
/// Where it does not come back the same.
pub(crate) fn comes_back(posted: PostedEvent) -> Option<Event> {
    let event = posted
        .clone()
        .into_event("fuzz", NOW, &mut || Salt::from_bytes([7; 32]))
        .ok()?;
    let fields = event.fields();
    let stored = Evidence::from_payload(fields.event_type, &event.parts());
    assert_eq!(stored, Ok((posted.evidence, posted.links)));
    assert_eq!(fields.source, posted.source);
    assert_eq!(fields.event_id, posted.event_id);
    Some(event)
}
