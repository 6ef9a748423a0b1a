//! The frames of a session: a byte that says what it is, four for its length, little-endian, and its contents.

use std::io;

use container::TerminalSize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The longest contents of a frame that is taken.
const BYTES_MAX: u32 = 1024 * 1024;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// From the person: for the command's input.
    Input(Vec<u8>),
    /// From the person: nothing more comes for the command's input.
    EndOfInput,
    /// From the person: the terminal has this size now.
    Resize(TerminalSize),
    /// From the container's standard output.
    Stdout(Vec<u8>),
    /// From the container's standard error.
    Stderr(Vec<u8>),
    /// The last one: the command ended with this code; or there is nothing more to be read.
    Ended(i32),
    /// The last one: what went wrong.
    Failed(String),
}

impl Frame {
    fn parts(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Input(bytes) => (0, bytes.clone()),
            Self::EndOfInput => (1, Vec::new()),
            Self::Resize(size) => (2, [size.columns.to_le_bytes(), size.rows.to_le_bytes()].concat()),
            Self::Stdout(bytes) => (3, bytes.clone()),
            Self::Stderr(bytes) => (4, bytes.clone()),
            Self::Ended(code) => (5, code.to_le_bytes().to_vec()),
            Self::Failed(reason) => (6, reason.clone().into_bytes()),
        }
    }

    fn of(kind: u8, contents: Vec<u8>) -> Option<Self> {
        Some(match (kind, contents.as_slice()) {
            (0, _) => Self::Input(contents),
            (1, []) => Self::EndOfInput,
            (2, &[a, b, c, d]) => Self::Resize(TerminalSize {
                columns: u16::from_le_bytes([a, b]),
                rows: u16::from_le_bytes([c, d]),
            }),
            (3, _) => Self::Stdout(contents),
            (4, _) => Self::Stderr(contents),
            (5, &[a, b, c, d]) => Self::Ended(i32::from_le_bytes([a, b, c, d])),
            (6, _) => Self::Failed(String::from_utf8_lossy(&contents).into_owned()),
            _ => return None,
        })
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let (kind, contents) = self.parts();
        let length = u32::try_from(contents.len()).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(contents.len() + 5);
        bytes.push(kind);
        bytes.extend(length.to_le_bytes());
        bytes.extend(contents);
        to.write_all(&bytes).await
    }

    /// Reads the next one; `None` where the other side has closed the connection.
    ///
    /// # Errors
    /// Those of the connection, and [`io::ErrorKind::InvalidData`] for what is no frame.
    pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let kind = match from.read_u8().await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            kind => kind?,
        };
        let length = from.read_u32_le().await?;
        if length > BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut contents = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        from.read_exact(&mut contents).await?;
        Self::of(kind, contents).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read() {
        let frames = [
            Frame::Input(vec![1, 2]),
            Frame::EndOfInput,
            Frame::Resize(TerminalSize { columns: 300, rows: 2 }),
            Frame::Stdout(Vec::new()),
            Frame::Stderr(b"x".to_vec()),
            Frame::Ended(-1),
            Frame::Failed("why".to_owned()),
        ];
        let mut bytes = Vec::new();
        for frame in &frames {
            frame.write(&mut bytes).await.unwrap();
        }
        let mut from = bytes.as_slice();
        for frame in frames {
            assert_eq!(Frame::read(&mut from).await.unwrap(), Some(frame));
        }
        assert_eq!(Frame::read(&mut from).await.unwrap(), None);
        for bad in [&[9, 0, 0, 0, 0][..], &[0, 255, 255, 255, 255], &[0, 5, 0, 0, 0, 1], &[2, 1, 0, 0, 0, 1]]
        {
            assert!(Frame::read(&mut &*bad).await.is_err(), "{bad:?}");
        }
    }
}
