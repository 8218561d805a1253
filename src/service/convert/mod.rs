//! Between the messages of the API and the events, entries and filters of the ledger.
//!
//! Both directions stand here: the server reads what a client's half of the same code wrote. Whatever is wrong with a
//! message is named field by field, as the API names it, such as `event.deployment.artifacts[0].digest`. The rules of
//! events themselves are not here but in [`evidence`](crate::evidence).

mod entry;
mod filter;
mod read_event;
mod salts;
mod time;
mod words;
mod write_event;

#[cfg(test)]
mod tests;

pub use entry::{ReceivedEntry, entry_from_proto, entry_to_proto};
pub use filter::{filter_from_proto, filter_to_proto};
pub use read_event::{event_from_proto, posted_from_proto};
pub use salts::SaltSource;
pub use time::{time_from_proto, time_to_proto};
pub use write_event::posted_to_proto;
