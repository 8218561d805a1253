//! The text form of secret keys, as Go's tools write it: `PRIVATE+KEY+<name>+<key id>+<base64(type || seed)>`.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use zeroize::Zeroizing;

use super::{KeyName, KeyType, NoteError, VerifierKey};

/// What a secret key's text says. Whether its key id is right is known once the key is made of it.
pub(super) struct Secret {
    pub(super) kind: KeyType,
    pub(super) name: KeyName,
    pub(super) id: ClaimedId,
    pub(super) seed: Zeroizing<[u8; 32]>,
}

/// The key id in a text.
pub(super) struct ClaimedId(String);

impl ClaimedId {
    /// Checks that it is the id of the key that was made.
    pub(super) fn check(&self, made: &VerifierKey) -> Result<(), NoteError> {
        if made.id().to_string() == self.0 {
            Ok(())
        } else {
            Err(NoteError::SigningKey(
                "the key id does not belong to this name and key",
            ))
        }
    }
}

/// Writes a secret key.
pub(super) fn secret_text(verifier: &VerifierKey, seed: &[u8; 32]) -> Zeroizing<String> {
    let mut typed = Zeroizing::new([verifier.key_type().byte(); 33]);
    let (_, to_seed) = typed.split_at_mut(1);
    to_seed.copy_from_slice(seed);
    let base64 = Zeroizing::new(BASE64.encode(typed.as_slice()));
    let public = format!("PRIVATE+KEY+{}+{}+", verifier.name(), verifier.id());
    // Room for all of it at once: a string that grows leaves copies of the secret behind.
    let room = public.len().saturating_add(base64.len());
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str(&public);
    text.push_str(&base64);
    text
}

/// Reads a secret key.
pub(super) fn read_secret(text: &str) -> Result<Secret, NoteError> {
    let shape = NoteError::SigningKey("it has the form PRIVATE+KEY+<name>+<key id>+<base64>");
    let Some(rest) = text.strip_prefix("PRIVATE+KEY+") else {
        return Err(shape);
    };
    let mut parts = rest.splitn(3, '+');
    let (Some(name), Some(id), Some(typed)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(shape);
    };
    let typed = Zeroizing::new(
        BASE64
            .decode(typed)
            .map_err(|_| NoteError::SigningKey("its last field is not base64"))?,
    );
    let (kind, seed) = typed
        .split_first()
        .and_then(|(byte, seed)| Some((KeyType::of_byte(*byte)?, seed)))
        .ok_or(NoteError::SigningKey(
            "its type is none of Ed25519 (0x01), cosignature/v1 (0x04) and ML-DSA-44 (0x06)",
        ))?;
    let seed = seed
        .try_into()
        .map_err(|_| NoteError::SigningKey("a secret key has 32 bytes"))?;
    Ok(Secret {
        kind,
        name: name.parse()?,
        id: ClaimedId(id.to_owned()),
        seed: Zeroizing::new(seed),
    })
}
