use proptest::prelude::*;

use super::*;

fn wire(encoded: &Encoded) -> BytesMut {
    let mut out = BytesMut::new();
    out.extend_from_slice(&encoded.head);
    out.extend_from_slice(&encoded.body);
    out
}

fn invoke() -> Invoke {
    Invoke {
        request_id: "3f0c1f0e-0000-4000-8000-000000000001".into(),
        invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
        timeout_ms: 3000,
        trace_id: None,
        client_context: Some("{\"custom\":{\"a\":\"ü\"}}".into()),
        cognito_identity: None,
        tenant_id: None,
        content_type: None,
    }
}

#[test]
fn a_payload_is_carried_as_the_bytes_it_is() {
    let payload = Bytes::from_static(b"\x00\xff{not json\n");
    let mut buffer = wire(&ToAgent::Invoke(invoke(), payload.clone()).encode());
    let Ok(Some(ToAgent::Invoke(head, body))) = ToAgent::decode(&Decoder::default(), &mut buffer) else {
        panic!("an invoke was sent")
    };
    assert_eq!((head, body), (invoke(), payload));
    assert!(buffer.is_empty());
}

#[test]
fn a_frame_that_arrives_byte_by_byte_is_read_once_and_whole() {
    let bytes = wire(&ToAgent::Invoke(invoke(), Bytes::from_static(b"{}")).encode());
    let mut buffer = BytesMut::new();
    for (index, byte) in bytes.iter().enumerate() {
        assert!(ToAgent::decode(&Decoder::default(), &mut buffer).unwrap().is_none(), "at byte {index}");
        buffer.extend_from_slice(&[*byte]);
    }
    assert!(ToAgent::decode(&Decoder::default(), &mut buffer).unwrap().is_some());
}

#[test]
fn fields_of_a_newer_peer_are_ignored_and_missing_ones_have_defaults() {
    let head = serde_json::json!({"versions": [1, 9], "environment": "e", "secret": "s", "mood": "good"});
    let mut buffer = wire(&encode(1, Some(&head), Bytes::new()));
    let Ok(Some(ToControlPlane::Hello(hello))) = ToControlPlane::decode(&Decoder::default(), &mut buffer)
    else {
        panic!("a hello was sent")
    };
    assert_eq!((hello.versions, hello.purpose), (vec![1, 9], Purpose::Environment));
}

#[test]
fn a_control_plane_that_does_not_know_segments_does_not_ask_for_them() {
    let mut head = serde_json::to_value(Assignment { segments: true, ..Assignment::default() }).unwrap();
    head.as_object_mut().unwrap().remove("segments");
    let mut buffer = wire(&encode(3, Some(&head), Bytes::new()));
    let Ok(Some(ToAgent::Assign(assignment))) = ToAgent::decode(&Decoder::default(), &mut buffer) else {
        panic!("an assignment was sent")
    };
    assert!(!assignment.segments);
}

#[test]
fn segments_whose_head_contradicts_their_body_are_none() {
    let unpack = |lengths: &[u32], body: &'static str| {
        Segments { lengths: lengths.to_vec() }.unpack(Bytes::from_static(body.as_bytes()))
    };
    assert_eq!(unpack(&[], ""), Some(vec![]));
    assert_eq!(unpack(&[1, 2], "abc"), Some(vec!["a".into(), "bc".into()]));
    assert_eq!(unpack(&[1, 0, 2], "abc"), None);
    assert_eq!(unpack(&[1, 1], "abc"), None);
    assert_eq!(unpack(&[1, 3], "abc"), None);
    assert_eq!(unpack(&[u32::MAX, u32::MAX], "abc"), None);
}

#[test]
fn a_peer_that_was_not_admitted_cannot_make_us_reserve_memory() {
    let mut buffer = BytesMut::from(&[0x3f, 0xff, 0xff, 0xff][..]);
    let error = ToControlPlane::decode(&Decoder::with_limit(4096), &mut buffer).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 4096, .. }));
    assert!(buffer.capacity() < 1 << 20);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let decoder = Decoder::with_limit(1 << 16);
        let mut buffer = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = ToAgent::decode(&decoder, &mut buffer) {}
        let mut buffer = BytesMut::from(&bytes[..]);
        while let Ok(Some(_)) = ToControlPlane::decode(&decoder, &mut buffer) {}
    }

    #[test]
    fn segments_are_carried_as_the_bytes_they_are(
        documents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..12),
    ) {
        let documents: Vec<Bytes> = documents.into_iter().map(Bytes::from).collect();
        let (head, body) = Segments::pack(&documents);
        let mut buffer = wire(&ToControlPlane::Segments(head, body).encode());
        let decoded = ToControlPlane::decode(&Decoder::default(), &mut buffer).unwrap();
        let Some(ToControlPlane::Segments(head, body)) = decoded else { panic!("segments were sent") };
        prop_assert_eq!(head.unpack(body), Some(documents));
    }

    #[test]
    fn log_lines_and_chunks_keep_their_order_however_the_stream_is_cut(
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 1..10),
        cut in 1usize..40,
    ) {
        let mut stream = BytesMut::new();
        for body in &bodies {
            stream.extend_from_slice(&wire(&ToControlPlane::ResponseChunk(body.clone().into()).encode()));
        }
        let mut buffer = BytesMut::new();
        let mut seen = Vec::new();
        for piece in stream.chunks(cut) {
            buffer.extend_from_slice(piece);
            while let Some(message) = ToControlPlane::decode(&Decoder::default(), &mut buffer).unwrap() {
                let ToControlPlane::ResponseChunk(body) = message else { panic!("only chunks were sent") };
                seen.push(body.to_vec());
            }
        }
        prop_assert_eq!(seen, bodies);
    }
}
