//! What may be left out of JSON, but not be empty.
//!
//! The API has no difference between empty and absent, so an empty value that got this far would be recorded as
//! absent: an approval for an environment whose variable was unset would become one for every environment.

use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Deserializer, de::Error as _};

pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if text.is_empty() => Err(D::Error::custom(
            "an empty text; leave the field out, or say something",
        )),
        given => Ok(given),
    }
}

/// A count from 1.
pub(super) fn count_u32<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    Ok(Option::<NonZeroU32>::deserialize(deserializer)?.map(NonZeroU32::get))
}

/// A count from 1.
pub(super) fn count_u64<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    Ok(Option::<NonZeroU64>::deserialize(deserializer)?.map(NonZeroU64::get))
}
