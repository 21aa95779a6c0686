//! Pure: what an SDK sends to the daemon.
//!
//! ```text
//! {"format": "json", "version": 1}⏎
//! {"trace_id": "1-…", "id": "…", "name": "…", …}
//! ```
//!
//! [AWS: X-Ray, sending segment documents to the daemon]

use serde_json::Value;

/// Why a datagram is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// No line that says `"format": "json", "version": 1`.
    #[error("it does not begin with a header line of format json, version 1")]
    Header,
    /// Nothing follows the header.
    #[error("there is no segment after its header")]
    Empty,
    /// The segment is no text.
    #[error("its segment is not UTF-8")]
    Encoding,
}

/// The segment document in a datagram. Whether it is one is X-Ray's to say.
pub(super) fn document(datagram: &[u8]) -> Result<&[u8], Fault> {
    let end = datagram.iter().position(|byte| *byte == b'\n');
    let (header, rest) = datagram.split_at(end.unwrap_or(datagram.len()));
    let header: Value = serde_json::from_slice(header).map_err(|_| Fault::Header)?;
    let is_json = header["format"].as_str().is_some_and(|format| format.eq_ignore_ascii_case("json"));
    if !is_json || header["version"].as_i64() != Some(1) {
        return Err(Fault::Header);
    }
    let document = rest.trim_ascii();
    if document.is_empty() {
        return Err(Fault::Empty);
    }
    std::str::from_utf8(document).map_err(|_| Fault::Encoding)?;
    Ok(document)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_header_is_taken_off() {
        let check =
            |datagram: &str, segment: &str| assert_eq!(document(datagram.as_bytes()), Ok(segment.as_bytes()));
        check("{\"format\":\"json\",\"version\":1}\n{\"id\":1}", "{\"id\":1}");
        check("{\"format\": \"JSON\", \"version\": 1, \"more\": []}\r\n{\"id\":\n1}\n", "{\"id\":\n1}");
    }

    #[test]
    fn what_is_no_segment_says_why() {
        let fault = |datagram: &[u8]| document(datagram).unwrap_err();
        for header in
            ["", "\n{}", "{}\n{}", "[]\n{}", "{\"format\":\"json\",\"version\":2}\n{}", "json 1\n{}"]
        {
            assert_eq!(fault(header.as_bytes()), Fault::Header, "{header}");
        }
        assert_eq!(fault(b"{\"format\":\"xml\",\"version\":1}\n<a/>"), Fault::Header);
        assert_eq!(fault(b"{\"format\":\"json\",\"version\":1}"), Fault::Empty);
        assert_eq!(fault(b"{\"format\":\"json\",\"version\":1}\n \n"), Fault::Empty);
        assert_eq!(fault(b"{\"format\":\"json\",\"version\":1}\n{\"\xff\":1}"), Fault::Encoding);
        assert_eq!(fault("[".repeat(60_000).as_bytes()), Fault::Header, "nested without end");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(datagram in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = document(&datagram);
        }

        #[test]
        fn any_text_after_a_header_is_kept(segment in "[^\\s]([^\\x00]{0,80}[^\\s])?") {
            let datagram = format!("{{\"version\":1,\"format\":\"json\"}}\n{segment}");
            prop_assert_eq!(document(datagram.as_bytes()), Ok(segment.as_bytes()));
        }
    }
}
