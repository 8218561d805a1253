//! Filters of the API and of the ledger.

use crate::{
    evidence::{Check, Path},
    ledger::{event::InvalidEvent, filter::Filter, position::UnixNanos},
    service::proto,
};

use super::time::{nanos, time_to_proto};

/// The most values of one field of a filter.
const VALUES_MAX: usize = 64;

/// Reads a filter; `None` selects everything. `field` is the filter's name in the request, such as `filter`.
///
/// # Errors
/// Names each field with too many values, an empty or overlong value, or a time the ledger can't hold; and a range
/// of times that ends before it begins.
pub fn filter_from_proto(
    filter: Option<proto::Filter>,
    field: &'static str,
) -> Result<Filter, Vec<InvalidEvent>> {
    let Some(filter) = filter else {
        return Ok(Filter::default());
    };
    let mut check = Check::new(UnixNanos::default());
    let at = Path::Event;
    let at = at.field(field);
    check.lines(
        at.field("event_types"),
        &filter.event_types,
        VALUES_MAX,
        255,
    );
    check.lines(at.field("sources"), &filter.sources, VALUES_MAX, 1024);
    check.lines(at.field("subjects"), &filter.subjects, VALUES_MAX, 1024);
    let mut time = |name, time: Option<prost_types::Timestamp>| {
        let read = time.map(nanos).transpose();
        read.unwrap_or_else(|problem| {
            check.refuse(at.field(name), problem);
            None
        })
    };
    let recorded_from = time("recorded_from", filter.recorded_from);
    let recorded_before = time("recorded_before", filter.recorded_before);
    check.in_order(
        ("recorded_from", recorded_from),
        (at.field("recorded_before"), recorded_before),
    );
    let violations = check.into_violations();
    if !violations.is_empty() {
        return Err(violations);
    }
    Ok(Filter {
        event_types: filter.event_types,
        sources: filter.sources,
        subjects: filter.subjects,
        recorded_from,
        recorded_before,
    })
}

/// Writes a filter for the API; `None` for one that selects everything.
pub fn filter_to_proto(filter: Filter) -> Option<proto::Filter> {
    (!filter.selects_all()).then(|| proto::Filter {
        event_types: filter.event_types,
        sources: filter.sources,
        subjects: filter.subjects,
        recorded_from: filter.recorded_from.map(time_to_proto),
        recorded_before: filter.recorded_before.map(time_to_proto),
    })
}
