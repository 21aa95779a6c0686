//! Pure: bytes as lower-case hex, which digests are written in.

use std::fmt::Write as _;

/// Writes bytes.
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}

/// Reads what was written so. `None`: it was not.
pub fn decode(hex: &str) -> Option<Vec<u8>> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(encode(&[0, 0x0f, 0xa5]), "000fa5");
        assert_eq!(decode("000fa5"), Some(vec![0, 0x0f, 0xa5]));
        assert_eq!((decode("0"), decode("0g"), decode("é")), (None, None, None));
    }
}
