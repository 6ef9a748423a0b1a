//! Receipt handles: which message of which queue, and the how-manieth time it was received.
//!
//! A handle goes stale when its message is received again. Nothing of it is kept: it says what it is for, with a sum of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use crate::Error;
use crate::index::Place;

/// Number of bytes that the sum of a handle's parts has in it.
const SUM_BYTES: usize = 16;

/// What a receipt handle says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) place: Place,
    /// How often the message had been received then.
    pub(crate) receives: u32,
}

impl Receipt {
    /// The handle for the queue with that id.
    pub(crate) fn handle(self, queue_id: &str) -> String {
        let mut bytes = [1, 4].to_vec();
        bytes.extend(self.sum(queue_id));
        bytes.extend(self.place.to_be_bytes());
        bytes.extend(self.receives.to_be_bytes());
        STANDARD.encode(bytes)
    }

    /// Reads a handle of the queue with that id.
    ///
    /// # Errors
    /// [`Error::ReceiptHandleIsInvalid`].
    pub(crate) fn read(handle: &str, queue_id: &str) -> Result<Self, Error> {
        Self::parse(handle, queue_id).ok_or_else(|| Error::ReceiptHandleIsInvalid(handle.to_owned()))
    }

    fn parse(handle: &str, queue_id: &str) -> Option<Self> {
        let bytes = STANDARD.decode(handle).ok()?;
        let (sum, rest) = bytes.strip_prefix(&[1, 4])?.split_first_chunk::<SUM_BYTES>()?;
        let (place, rest) = rest.split_first_chunk()?;
        let receives = rest.try_into().ok()?;
        let receipt = Self { place: Place::from_be_bytes(*place), receives: u32::from_be_bytes(receives) };
        (receipt.sum(queue_id) == *sum).then_some(receipt)
    }

    fn sum(self, queue_id: &str) -> [u8; SUM_BYTES] {
        let mut sum = Md5::new();
        sum.update(queue_id);
        sum.update(self.place.to_be_bytes());
        sum.update(self.receives.to_be_bytes());
        sum.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_says_what_it_was_made_of() {
        let receipt = Receipt { place: 1 << 60, receives: 3 };
        let handle = receipt.handle("queue");
        assert_eq!(Receipt::read(&handle, "queue").unwrap(), receipt);
        assert!(Receipt::read(&handle, "other").is_err());
        assert!(Receipt::read("", "queue").is_err());
        assert!(Receipt::read(&handle[4..], "queue").is_err());
        assert!(Receipt::read("garbage!", "queue").is_err());
    }
}
