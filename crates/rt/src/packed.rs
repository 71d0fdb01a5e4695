//! Compressed data of others.

use std::io::{self, Read as _};

use zstd::stream::read::Decoder;

/// There is more than is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is larger than {most} bytes when it is unpacked, the most that is taken")]
pub struct TooLarge {
    /// The limit, in bytes.
    pub most: usize,
}

/// Unpacks what zstd has packed, bit by bit: whatever it says of itself, not much more than `most`
/// bytes of it are ever in memory.
///
/// # Errors
/// [`TooLarge`] within an error of kind [`io::ErrorKind::InvalidData`]; else when it cannot be
/// unpacked.
pub fn unpack(packed: &[u8], most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Decoder::with_buffer(packed)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, TooLarge { most }));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_is_taken_and_no_more() {
        let plain = vec![7; 100_000];
        let packed = zstd::bulk::compress(&plain, 1).unwrap();
        assert_eq!(unpack(&packed, plain.len()).unwrap(), plain);
        let error = unpack(&packed, plain.len() - 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("larger than 99999 bytes"), "{error}");
        assert!(unpack(b"no zstd", 10).is_err());
        let cut = unpack(&packed[..packed.len() / 2], plain.len()).unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        // One frame after the other: 64 GiB of zeros in two megabytes.
        let frame = zstd::bulk::compress(&vec![0; 16 << 20], 19).unwrap();
        let bomb = frame.repeat(4096);
        let error = unpack(&bomb, 1 << 20).unwrap_err();
        assert!(error.to_string().contains("larger than 1048576 bytes"), "{error}");
    }
}
