//! Pure: the head that a streamed response begins with: JSON, then eight zero bytes. [AWS: response streaming, the
//! media type `application/vnd.awslambda.http-integration-response`]

use bytes::{Bytes, BytesMut};

use super::response::{Head, Malformed};

/// The media type of streams that begin with a prelude.
pub const CONTENT_TYPE: &str = "application/vnd.awslambda.http-integration-response";

/// What ends a prelude.
const SEPARATOR: [u8; 8] = [0; 8];

/// Bytes that a prelude may have. Headers are far smaller.
const LIMIT: usize = 1 << 20;

/// A prelude that is still coming.
#[derive(Debug, Default)]
pub struct Prelude {
    gathered: BytesMut,
}

impl Prelude {
    /// Takes a piece of the stream. Once the prelude is complete, gives what it says and what has come after it.
    ///
    /// # Errors
    /// It is none, or too long.
    pub fn push(&mut self, piece: &[u8]) -> Result<Option<(Head, Bytes)>, Malformed> {
        let seen = self.gathered.len().saturating_sub(SEPARATOR.len() - 1);
        self.gathered.extend_from_slice(piece);
        let Some(at) = find(&self.gathered, seen) else {
            if self.gathered.len() > LIMIT {
                return Err(Malformed(format!("its prelude has not ended after {LIMIT} bytes")));
            }
            return Ok(None);
        };
        let head = self.gathered.split_to(at);
        let rest = std::mem::take(&mut self.gathered).freeze().slice(SEPARATOR.len()..);
        Ok(Some((Head::parse(&head)?, rest)))
    }
}

/// The prelude of a whole answer and what follows it, if it has one.
pub(super) fn split(answer: &Bytes) -> Option<(Bytes, Bytes)> {
    let at = find(answer, 0)?;
    answer.starts_with(b"{").then(|| (answer.slice(..at), answer.slice(at + SEPARATOR.len()..)))
}

fn find(bytes: &[u8], from: usize) -> Option<usize> {
    let at = bytes.get(from..)?.windows(SEPARATOR.len()).position(|window| window == SEPARATOR)?;
    Some(from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b"{\"statusCode\":202,\"headers\":{\"a\":\"b\"},\"cookies\":[\"c=d\"]}\0\0\0\0\0\0\0\0body\0";

    #[test]
    fn a_prelude_ends_wherever_the_stream_is_cut() {
        for cut in 0..STREAM.len() {
            let mut prelude = Prelude::default();
            let (first, second) = STREAM.split_at(cut);
            let found = match prelude.push(first).unwrap() {
                Some((head, rest)) => (head, [&rest[..], second].concat()),
                None => {
                    let (head, rest) = prelude.push(second).unwrap().unwrap();
                    (head, rest.to_vec())
                }
            };
            assert_eq!(found.0.status, 202);
            assert_eq!(
                (&found.0.headers["a"], &found.0.headers["set-cookie"]),
                (&"b".parse().unwrap(), &"c=d".parse().unwrap())
            );
            assert_eq!(found.1, b"body\0");
        }
    }

    #[test]
    fn a_status_is_not_needed_and_other_members_are_ignored() {
        let (head, rest) = Prelude::default().push(b"{\"status\":500}\0\0\0\0\0\0\0\0").unwrap().unwrap();
        assert_eq!((head.status.as_u16(), rest.len()), (200, 0));
    }

    #[test]
    fn what_is_no_prelude_is_malformed() {
        assert!(Prelude::default().push(b"text\0\0\0\0\0\0\0\0").is_err());
        assert!(Prelude::default().push(b"{\"statusCode\":1}\0\0\0\0\0\0\0\0").is_err());
        let mut prelude = Prelude::default();
        assert_eq!(prelude.push(&vec![b' '; LIMIT]), Ok(None));
        assert!(prelude.push(b" ").is_err());
    }
}
