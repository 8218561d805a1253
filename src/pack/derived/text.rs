//! Numbers, hashes and JSON strings as text, quickly: a listing is made again whenever it is verified.

/// Appends a number in decimal.
pub(super) fn number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a hash in hexadecimal.
pub(super) fn hex(bytes: &[u8; 32], out: &mut Vec<u8>) {
    // Without a table or a branch, so that the compiler makes vectors of it.
    let digit = |nibble: u8| {
        let letter = u8::from(nibble > 9).wrapping_mul(b'a' - b'9' - 1);
        nibble.wrapping_add(b'0').wrapping_add(letter)
    };
    let mut text = [[0; 2]; 32];
    for (pair, byte) in text.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 0xf)];
    }
    out.extend_from_slice(text.as_flattened());
}

/// Appends a string as JSON has it.
pub(super) fn json_string(text: &str, out: &mut Vec<u8>) {
    let escaped = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    if holds(text, escaped) {
        // Writing a string to memory can't fail.
        let _ = serde_json::to_writer(out, text);
    } else {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

/// Whether the text has such a byte. It is looked at to its end, which for short text is quicker than stopping.
pub(super) fn holds(text: &str, such: impl Fn(&u8) -> bool) -> bool {
    let bytes = text.as_bytes().iter();
    bytes.fold(false, |found, byte| found | such(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_is_what_the_libraries_make(value in any::<u64>(), bytes in any::<[u8; 32]>(), text in any::<String>()) {
            let mut out = Vec::new();
            number(value, &mut out);
            prop_assert_eq!(std::str::from_utf8(&out).unwrap(), value.to_string());
            out.clear();
            super::hex(&bytes, &mut out);
            prop_assert_eq!(std::str::from_utf8(&out).unwrap(), hex::encode(bytes));
            out.clear();
            json_string(&text, &mut out);
            prop_assert_eq!(std::str::from_utf8(&out).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }

    #[test]
    fn zero_and_the_largest_number_are_written_whole() {
        for value in [0, 9, 10, u64::MAX] {
            let mut out = Vec::new();
            number(value, &mut out);
            assert_eq!(out, value.to_string().into_bytes());
        }
    }
}
