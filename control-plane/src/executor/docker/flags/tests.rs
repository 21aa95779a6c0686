use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Flags, Fault> {
    let file = |path: &str| match path {
        "vars" => Ok("# comment\nA=1\n\nHOME\nB=x=y \"z\"\n".to_owned()),
        "compose" => Ok("export A=\"1 2\"\nB='x'\n".to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let variable = |name: &str| (name == "HOME").then(|| "/root".to_owned());
    Flags::parse(text, &Sources { file: &file, variable: &variable })
}

fn pairs(map: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    map.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn nothing_asked_for_is_nothing() {
    assert_eq!(parse("  ").unwrap(), Flags::default());
}

#[test]
fn variables_come_from_the_flag_from_files_and_from_this_process() {
    let flags = parse("-e X=1 --env='Y=a b' -eZ=\"q\\\"q\" -e HOME -e ABSENT --env-file vars").unwrap();
    let expected =
        [("A", "1"), ("B", "x=y \"z\""), ("HOME", "/root"), ("X", "1"), ("Y", "a b"), ("Z", "q\"q")];
    assert_eq!(pairs(&flags.environment), expected);
    let flags = parse("--compose-env-file compose").unwrap();
    assert_eq!(pairs(&flags.environment), [("A", "1 2"), ("B", "x")]);
    for text in ["-e A=flag --env-file vars", "--env-file vars -e A=flag"] {
        assert_eq!(parse(text).unwrap().environment["A"], "flag", "files give way: {text}");
    }
    assert_eq!(parse("--env-file vars --compose-env-file compose").unwrap().environment["A"], "1 2");
}

#[test]
fn volumes_that_are_in_the_way_of_code_are_known() {
    let flags = parse("-v /a:/opt/cache -v /b:/var/taskforce").unwrap();
    assert!(flags.mount_below("/opt") && flags.mount_below("/opt/cache"));
    assert!(!flags.mount_below("/var/task") && !flags.mount_below("/opt/cache/more"));
}

#[test]
fn volumes_keep_their_mode() {
    let flags =
        parse("-v /a:/b:ro --volume /c:/d -v name:/e:rw,z -v /f:/g:cached -v /h:/i:ro,rslave").unwrap();
    assert_eq!(flags.volumes, ["/a:/b:ro", "/c:/d", "name:/e:rw,z", "/f:/g:cached", "/h:/i:ro,rslave"]);
    for mode in ["consistent", "delegated", "nocopy", "Z", "rshared", "private"] {
        assert!(parse(&format!("-v /a:/b:{mode}")).is_ok(), "{mode}");
    }
    assert_eq!(
        parse(r"-v 'C:\Users\me:/b:ro' -v C:/x:/y").unwrap().volumes,
        [r"C:\Users\me:/b:ro", "C:/x:/y"]
    );
    for wrong in ["/a", "/a:b", ":/b", "/a:/b:ro:z", "/a:/b:", "C:/x"] {
        assert!(parse(&format!("-v '{wrong}'")).is_err(), "{wrong}");
    }
    assert!(parse("-v /a:/b:purple").unwrap_err().to_string().contains("purple"));
}

#[test]
fn ports_are_published_on_an_address_out_of_a_range_and_for_a_protocol() {
    let check = |text: &str, expected: &[(&str, &str, &str)]| {
        let flags = parse(&format!("-p {text}")).unwrap();
        let found: Vec<_> = flags
            .ports
            .iter()
            .map(|port| (port.address.as_str(), port.host.as_str(), port.container.as_str()))
            .collect();
        assert_eq!(found, expected, "{text}");
    };
    check("80", &[("", "", "80/tcp")]);
    check("8080:80", &[("", "8080", "80/tcp")]);
    check("127.0.0.1:8080:80/udp", &[("127.0.0.1", "8080", "80/udp")]);
    check("[::1]:8080:80", &[("::1", "8080", "80/tcp")]);
    check("127.0.0.1::80", &[("127.0.0.1", "", "80/tcp")]);
    check("9000-9010:80", &[("", "9000-9010", "80/tcp")]);
    check("9000-9001:80-81", &[("", "9000", "80/tcp"), ("", "9001", "81/tcp")]);
    for wrong in ["x", "1:2:3:x", "80/icmp", "0:1", "5-4:1", "1-3:1-2", "70000"] {
        assert!(parse(&format!("-p {wrong}")).is_err(), "{wrong}");
    }
}

#[test]
fn everything_else_is_taken_as_it_is() {
    let flags = parse(
        "--add-host h:1.2.3.4 --network n -l a=b --label c --ulimit nofile=10:20 --ulimit core=0 -u 1:2 --platform linux/arm64 --privileged --dns 8.8.8.8",
    )
    .unwrap();
    assert_eq!(flags.hosts, ["h:1.2.3.4"]);
    assert_eq!(flags.network.as_deref(), Some("n"));
    assert_eq!(pairs(&flags.labels), [("a", "b"), ("c", "")]);
    let limit = |name: &str, soft, hard| Limit { name: name.into(), soft, hard };
    assert_eq!(flags.limits, [limit("nofile", 10, 20), limit("core", 0, 0)]);
    assert_eq!(flags.user.as_deref(), Some("1:2"));
    assert_eq!(flags.platform.as_deref(), Some("linux/arm64"));
    assert!(flags.privileged);
    assert_eq!(flags.dns, ["8.8.8.8"]);
}

#[test]
fn addresses_networks_and_platforms_have_to_be_some() {
    let hosts = "--add-host a:::1 --add-host b=[2001:db8::1] --add-host c:host-gateway --dns ::1";
    let flags = parse(hosts).unwrap();
    assert_eq!(flags.hosts, ["a:::1", "b:2001:db8::1", "c:host-gateway"]);
    assert_eq!(flags.dns, ["::1"]);
    for wrong in [
        "--add-host a",
        "--add-host a:",
        "--add-host a:elsewhere",
        "--add-host :1.2.3.4",
        "--dns dns.example.com",
        "--dns 1.2.3",
        "--network none",
        "--platform windows/amd64",
        "--platform linux",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_unknown_flag_is_refused_with_the_list_of_known_ones() {
    let error = parse("-e A=1 --gpus all").unwrap_err().to_string();
    assert!(error.contains("--gpus") && error.contains("--add-host"), "{error}");
    assert!(parse("word").is_err());
    assert!(parse("-e").unwrap_err().to_string().contains("needs a value"));
    assert!(parse("--env-file nowhere").is_err());
    assert!(parse("-e 'A=1").unwrap_err().to_string().contains("quote"));
}

proptest! {
    #[test]
    fn any_text_is_understood_or_refused(text in "[-a-z0-9=:/'\"\\\\ .]{0,40}") {
        let _ = parse(&text);
    }

    #[test]
    fn a_quoted_value_is_kept_to_the_letter(value in "[^'\\x00]{0,30}") {
        let flags = parse(&format!("-e 'V={value}'")).unwrap();
        prop_assert_eq!(flags.environment.get("V"), Some(&value));
    }
}
