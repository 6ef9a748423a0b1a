//! The key that secrets are sealed with before they are stored: ChaCha20-Poly1305, with a random nonce before each sealed
//! text.
//!
//! Whoever has the store but not the file with the key learns nothing of the secrets.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// A key.
#[derive(Clone)]
pub struct SecretKey(LessSafeKey);

impl SecretKey {
    /// The key in the file `path`, which is made where it is not there, readable for its owner only.
    ///
    /// # Errors
    /// Where the file can be neither read nor made, or is no key.
    pub fn load_or_create(path: &Path) -> io::Result<Self> {
        match Self::load(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            loaded => loaded,
        }
    }

    /// The key in the file `path`.
    ///
    /// # Errors
    /// Where the file cannot be read, or is no key.
    pub fn load(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.read_to_end(&mut bytes)?;
        Self::of(&bytes)
    }

    /// A key for as long as the process lives.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub fn ephemeral() -> io::Result<Self> {
        Self::of(&random::<KEY_BYTES>()?)
    }

    /// The file gets its name when it is whole: a crash leaves no half key.
    fn create(path: &Path) -> io::Result<Self> {
        let bytes = random::<KEY_BYTES>()?;
        let draft = path.with_extension(format!("{}.new", std::process::id()));
        let mut file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        if let Some(folder) = path.parent() {
            std::fs::File::open(folder)?.sync_all()?;
        }
        Self::of(&bytes)
    }

    fn of(bytes: &[u8]) -> io::Result<Self> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes);
        let invalid = |_| io::Error::new(io::ErrorKind::InvalidData, "the file holds no key of 32 bytes");
        key.map(|key| Self(LessSafeKey::new(key))).map_err(invalid)
    }

    /// Seals `secret` for `owner`: it can be opened for nobody else.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub fn seal(&self, owner: &str, secret: &[u8]) -> io::Result<Vec<u8>> {
        let nonce = random::<NONCE_LEN>()?;
        let mut sealed = secret.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| io::Error::other("a secret cannot be sealed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Self::seal`] has sealed for `owner`; `None` for anything else.
    pub fn open(&self, owner: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.open_in_place(nonce, Aad::from(owner.as_bytes()), &mut bytes).ok()?;
        Some(opened.to_vec())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

fn random<const COUNT: usize>() -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system has no random numbers"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn opens_what_it_has_sealed_for_the_same_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let sealed = SecretKey::load_or_create(&path).unwrap().seal("a", b"secret").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        let key = SecretKey::load_or_create(&path).unwrap();
        assert_eq!(key.open("a", &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(key.open("b", &sealed), None);
        assert_eq!(key.open("a", &sealed[1..]), None);
        assert_eq!(key.open("a", b"short"), None);
        assert_eq!(SecretKey::ephemeral().unwrap().open("a", &sealed), None);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, b"no key").unwrap();
        assert!(SecretKey::load_or_create(&path).is_err());
    }
}
