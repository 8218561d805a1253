//! What holds for every valid event, and for any bytes.
#![allow(clippy::arithmetic_side_effects)]

use proptest::prelude::*;

use super::*;
use crate::evidence::{arbitrary::posted, fuzz::comes_back};

proptest! {
    #[test]
    fn a_valid_event_comes_back_from_its_payload(posted in posted()) {
        prop_assert_eq!(posted.violations(NOW), vec![]);
        prop_assert!(comes_back(posted).is_some());
    }

    #[test]
    fn a_valid_event_comes_back_from_its_json(posted in posted()) {
        let json = serde_json::to_vec(&posted).unwrap();
        let again = PostedEvent::from_json(&json).unwrap();
        prop_assert_eq!(&again, &posted);
        prop_assert_eq!(serde_json::to_vec(&again).unwrap(), json);
    }

    #[test]
    fn a_typed_body_comes_back_byte_for_byte(posted in posted()) {
        let event = into_event(posted).unwrap();
        let read = Evidence::from_body(event.fields().event_type, &body(&event)).unwrap();
        prop_assert_eq!(read.into_body().unwrap(), body(&event));
    }

    #[test]
    fn nothing_personal_stands_in_the_entry_or_the_body(posted in posted()) {
        let said = format!("{posted:?}").contains('«');
        let event = into_event(posted).unwrap();
        let entry = format!("{:?}", event.fields());
        prop_assert!(!entry.contains('«'), "{}", entry);
        let body = String::from_utf8(body(&event)).unwrap();
        prop_assert!(!body.contains('«'), "{}", body);
        // Nor is it lost.
        let parts = event.parts().iter().any(|part| {
            matches!(part, Part::Disclosed(part) if part.content.windows(2).any(|two| two == "«".as_bytes()))
        });
        prop_assert!(parts || !said);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>()) {
        fuzz_json(&bytes);
    }

    #[test]
    fn damaged_events_never_panic(
        posted in posted(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut json = serde_json::to_vec(&posted).unwrap();
        let at = at.index(json.len());
        json[at] = byte;
        fuzz_json(&json);
        let event = into_event(posted).unwrap();
        let mut body = body(&event);
        let at = at % body.len();
        body[at] = byte;
        fuzz_json(&body);
    }
}
