//! Salts from the system's random source, drawn in bulk: one system call serves hundreds of parts.

use crate::ledger::payload::Salt;

const SALT_BYTES: usize = 32;
const SALTS_DRAWN: usize = 256;

/// Salts drawn ahead. Each is given out once, and forgotten here.
pub struct SaltSource {
    drawn: Vec<[u8; SALT_BYTES]>,
}

impl SaltSource {
    /// A source that draws when it is first asked.
    pub const fn new() -> Self {
        Self { drawn: Vec::new() }
    }

    /// Makes something that needs salts.
    ///
    /// # Errors
    /// When the system has no randomness to give. What was made is dropped then, since its salts are no secret.
    pub fn with<T>(
        &mut self,
        make: impl FnOnce(&mut dyn FnMut() -> Salt) -> T,
    ) -> Result<T, getrandom::Error> {
        let mut failed = None;
        let made = make(&mut || match self.next() {
            Ok(salt) => salt,
            Err(error) => {
                failed = Some(error);
                Salt::from_bytes([0; SALT_BYTES])
            }
        });
        failed.map_or(Ok(made), Err)
    }

    fn next(&mut self) -> Result<Salt, getrandom::Error> {
        if self.drawn.is_empty() {
            let mut bytes = [0; SALT_BYTES * SALTS_DRAWN];
            getrandom::fill(&mut bytes)?;
            self.drawn.extend_from_slice(bytes.as_chunks().0);
        }
        // Never empty here.
        self.drawn
            .pop()
            .map(Salt::from_bytes)
            .ok_or(getrandom::Error::UNEXPECTED)
    }
}

impl Default for SaltSource {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_salt_is_given_out_twice() {
        let mut source = SaltSource::new();
        let mut given: Vec<[u8; SALT_BYTES]> = (0..3)
            .flat_map(|_| {
                source
                    .with(|salt| {
                        (0..SALTS_DRAWN)
                            .map(|_| *salt().as_bytes())
                            .collect::<Vec<_>>()
                    })
                    .unwrap()
            })
            .collect();
        let count = given.len();
        given.sort_unstable();
        given.dedup();
        assert_eq!(given.len(), count);
        assert!(!given.contains(&[0; SALT_BYTES]));
    }
}
