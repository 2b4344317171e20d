//! Right and wrong configurations, as users write them.

use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    let environment = |name: &str| (name == "PASSWORD").then(|| "s3cret".to_owned());
    Config::from_yaml(text, "omma.yaml", &environment)
}

const FULL: &str = "\
version: 1
data_dir: /var/lib/omma
http: { listen: '0.0.0.0:9000' }
models:
  people: { card: yolox-nano, classes: [person], min_score: 0.4, engine: rten }
cameras:
  entrance:
    url: rtsp://viewer:${PASSWORD}@192.0.2.10/stream1
    transport: udp
    ring: 4MB
    detect: { model: people, fps: 2.5, gate: motion }
    lines:
      door: { from: [0.2, 0.8], to: [0.8, 0.8], classes: [person] }
    zones:
      till: { polygon: [[0.1, 0.2], [0.4, 0.2], [0.4, 0.6]], dwell: 10s, anchor: center }
  yard:
    url: yard.mp4
    loop: true
    detect: { model: motion, fps: keyframes }
";

#[test]
fn a_full_configuration_is_understood() {
    let config = parse(FULL).unwrap();
    assert_eq!(config.data_dir, PathBuf::from("/var/lib/omma"));
    assert_eq!(config.http.address, "0.0.0.0:9000".parse().unwrap());
    let [entrance, yard] = config.cameras.as_slice() else { panic!("two cameras") };
    assert_eq!(entrance.url, "rtsp://viewer:s3cret@192.0.2.10/stream1");
    assert_eq!((entrance.transport, entrance.ring_bytes), (Transport::Udp, 4_000_000));
    let detect = entrance.detect.as_ref().unwrap();
    let model = ModelConfig { model: "yolox-nano".to_owned(), engine: EngineChoice::Rten };
    assert_eq!(detect.detector, Detector::Model(model));
    assert_eq!((detect.rate, detect.min_score, detect.motion_gate), (Rate::Fps(2.5), 0.4, true));
    assert_eq!(detect.classes, [ClassName::new("person")]);
    assert_eq!(entrance.lines[0].name(), "door");
    assert_eq!(entrance.zones[0].dwell(), Some(Duration::from_secs(10)));
    assert!(yard.looped && yard.detect.as_ref().unwrap().detector == Detector::Motion);
    assert_eq!(yard.detect.as_ref().unwrap().rate, Rate::Keyframes);
}

const HUB: &str = "\
version: 1
data_dir: d
http: { listen: '0.0.0.0:443', tls: { cert: a.pem, key: a.key, client_ca: ca.pem } }
grpc: { strict: false }
chrysalis: { insecure: true }
auth: { tokens: [ { name: portal, token: 'sixteen letters!', scopes: [read, annotate] } ] }
recordings: { min_free: 2GB }
events: { keep: 90d }
tracks: { keep: 14d }
annotations: { url: 'https://h/in', secret: '${PASSWORD}', batch: 10 }
cameras:
  a:
    url: rtsp://u:${PASSWORD}@h/main
    detect_url: rtsp://u:${PASSWORD}@h/sub
    audio: false
    stall: 2500ms
    history: 5s
    decode: { hardware: auto }
    detect: { model: motion }
    record: { mode: events, segment: gop, before: 3s, keep: 7d, max_size: 20GB }
    pass_through: { url: 'rtmp://live/app/KEY', start: true }
    lines: { door: { from: [0.2, 0.8], to: [0.8, 0.8] } }
    zones: { till: { polygon: [[0.1, 0.2], [0.4, 0.2], [0.4, 0.6]], dwell: 10s, anchor: center } }
";

#[test]
fn what_a_hub_needs_is_understood() {
    let config = parse(HUB).unwrap();
    let tls = config.http.tls.as_ref().unwrap();
    assert_eq!(tls.client_ca, Some(PathBuf::from("ca.pem")));
    let grpc = config.grpc.as_ref().unwrap();
    assert_eq!((grpc.strict, grpc.listener.address.port()), (false, 50_001));
    let chrysalis = config.chrysalis.as_ref().unwrap();
    assert!(chrysalis.insecure && chrysalis.address.port() == 8909);
    assert_eq!(config.tokens[0].scopes, [Scope::Read, Scope::Annotate]);
    assert_eq!(config.recordings.dir, PathBuf::from("d/recordings"));
    assert_eq!(config.recordings.min_free, 2_000_000_000);
    assert_eq!(config.events_keep, Some(Duration::from_secs(90 * 86_400)));
    assert_eq!(config.tracks_keep, Some(Duration::from_secs(14 * 86_400)));
    let annotations = config.annotations.as_ref().unwrap();
    assert_eq!((annotations.batch, annotations.interval), (10, Duration::from_millis(300)));
    let [camera] = config.cameras.as_slice() else { panic!("one camera") };
    let record = camera.record.as_ref().unwrap();
    assert_eq!((record.mode, record.segment), (RecordMode::Events, SegmentLength::Gop));
    assert_eq!(record.max_bytes, Some(20_000_000_000));
    assert_eq!(camera.stall, Some(Duration::from_millis(2500)));
    assert!(!format!("{config:?}").contains("sixteen"), "tokens do not print");
}

#[test]
fn accounts_are_off_on_or_set_up() {
    let accounts = |text: &str| parse(&format!("version: 1\n{text}\n")).unwrap().accounts;
    assert_eq!(accounts(""), Accounts::IfNeeded);
    assert_eq!(accounts("accounts: false"), Accounts::Off);
    assert_eq!(accounts("accounts: true"), Accounts::On(AccountsConfig::default()));
    let short = AccountsConfig { idle: Duration::from_secs(600), ..AccountsConfig::default() };
    assert_eq!(accounts("accounts: { idle: 10min }"), Accounts::On(short));
    for wrong in ["{ idle: soon }", "{ idel: 10min }", "yes please"] {
        assert!(parse(&format!("version: 1\naccounts: {wrong}\n")).is_err(), "{wrong}");
    }
}

#[test]
fn a_card_needs_no_name_of_its_own() {
    let detect = |text: &str| {
        let text = format!(
            "version: 1\ncameras:\n  a: {{ url: x, detect: {{ model: yolox-nano }} }}\n{text}"
        );
        parse(&text).unwrap().cameras[0].detect.clone().unwrap()
    };
    let by_card =
        Detector::Model(ModelConfig { model: "yolox-nano".to_owned(), engine: EngineChoice::Auto });
    assert_eq!(detect("").detector, by_card);
    assert_eq!(detect("").min_score, DEFAULT_MIN_SCORE);
    let named = detect("models: { yolox-nano: { card: yolox-tiny, min_score: 0.3 } }\n");
    assert_ne!(named.detector, by_card, "what somebody named goes before");
    assert_eq!(named.min_score, 0.3);
}

#[test]
fn accounts_are_on_where_others_reach_what_asks_nobody() {
    let accounts = |text: &str| parse(&format!("version: 1\n{text}\n")).unwrap().accounts();
    let usual = Some(AccountsConfig::default());
    assert_eq!(accounts(""), None, "nobody but this machine reaches it");
    assert_eq!(accounts("accounts: true"), usual);
    let open = "http: { listen: '0.0.0.0:80' }\n";
    assert_eq!(accounts(open), usual);
    assert_eq!(accounts(&format!("{open}accounts: false")), None);
    assert_eq!(accounts("http: { listen: '0.0.0.0:80', insecure: true }"), None);
    let token = "auth: { tokens: [{ name: a, token: a-token-of-sixteen, scopes: [read] }] }";
    assert_eq!(accounts(&format!("{open}{token}")), None);
    let tls = |more: &str| {
        format!("http: {{ listen: '[::]:80', tls: {{ cert: a.pem, key: b.pem{more} }} }}")
    };
    assert_eq!(accounts(&tls("")), usual, "encryption asks nobody who they are");
    assert_eq!(accounts(&tls(", client_ca: c.pem")), None);
}

#[test]
fn a_camera_written_as_json_reads_back_as_the_same() {
    for text in [FULL, HUB] {
        let config = parse(text).unwrap();
        for camera in &config.cameras {
            let json = camera.to_json(false).to_string();
            assert_eq!(config.parse_camera(camera.id.as_str(), &json).as_ref(), Ok(camera));
            let shown = camera.to_json(true).to_string();
            assert!(!shown.contains("s3cret") && !shown.contains("KEY"), "{shown}");
        }
    }
}

#[test]
fn what_comes_over_a_network_reads_no_environment() {
    let config = parse("version: 1\n").unwrap();
    let camera = config.parse_camera("a", r#"{"url": "rtsp://u:a$$b${PASSWORD}@h/"}"#).unwrap();
    assert_eq!(camera.url, "rtsp://u:a$$b${PASSWORD}@h/");
    let error = config.parse_camera("a", r#"{"url": "x.mp4", "recrod": {}}"#).unwrap_err();
    assert!(error.to_string().contains("did you mean `record`"), "{error}");
}

#[test]
fn the_least_configuration_gets_defaults() {
    let config = parse("version: 1\ncameras:\n  a: { url: 'sim:street' }\n").unwrap();
    assert_eq!(config.http.address.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data_dir, PathBuf::from("./omma-data"));
    assert!(config.cameras[0].detect.is_none());
    assert_eq!(config.tracks_keep, Some(Duration::from_secs(30 * 86_400)));
    let without = parse("version: 1\ntracks: { keep: off }\n").unwrap();
    assert_eq!(without.tracks_keep, None);
}

/// Each mistake with the place and the words that its message must hold.
#[test]
fn mistakes_are_named_with_place_reason_and_remedy() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "version: 1\ncamera: {}\n",
            "omma.yaml:2:",
            &["unknown key `camera`", "did you mean `cameras`"],
        ),
        ("", "omma.yaml:1:", &["empty", "`version: 1`"]),
        ("version: 2\n", "omma.yaml:1:", &["version 2", "reads version 1"]),
        ("cameras: {}\n", "omma.yaml", &["`version` is missing"]),
        (
            "version: 1\ncameras:\n  a: { urll: x }\n",
            "omma.yaml:3:",
            &["`urll`", "did you mean `url`"],
        ),
        ("version: 1\ncameras:\n  a: { url: 5, loop: maybe }\n", "omma.yaml:3:", &["bool"]),
        (
            "version: 1\ncameras:\n  a b: { url: x }\n",
            "omma.yaml:3:",
            &["`a b`", "A-Z a-z 0-9 _ -"],
        ),
        (
            "version: 1\ncameras:\n  a: { url: 'rtsp://u:${NOPE}@h' }\n",
            "omma.yaml:3:",
            &["`NOPE` is not set"],
        ),
        ("version: 1\ncameras:\n  a: { url: '' }\n", "omma.yaml:3:", &["`url` is empty"]),
        (
            "version: 1\ncameras:\n  a: { url: x, detect: { model: peple } }\nmodels:\n  people: { card: yolox-nano }\n",
            "omma.yaml:3:",
            &["camera `a`", "unknown model `peple`", "did you mean `people`", "`motion`"],
        ),
        ("version: 1\nmodels:\n  m: {}\n", "omma.yaml:3:", &["model `m`", "`card`", "`file`"]),
        ("version: 1\nmodels:\n  motion: { card: x }\n", "omma.yaml:3:", &["built-in"]),
        (
            "version: 1\ncameras:\n  a: { url: x, detect: { model: motion, fps: 0 } }\n",
            "omma.yaml:3:",
            &["`fps`", "above 0"],
        ),
        (
            "version: 1\ncameras:\n  a: { url: x, detect: { model: motion, min_score: 7 } }\n",
            "omma.yaml:3:",
            &["between 0 and 1"],
        ),
        (
            "version: 1\ncameras:\n  a:\n    url: x\n    lines:\n      l: { from: [0, 0], to: [1, 1] }\n",
            "omma.yaml:4:",
            &["no `detect`", "ever be counted"],
        ),
        (
            "version: 1\ncameras:\n  a:\n    url: x\n    detect: { model: motion }\n    lines:\n      l: { from: [0.5, 0.5], to: [0.5, 0.5] }\n",
            "omma.yaml:7:",
            &["camera `a`", "`l`"],
        ),
        (
            "version: 1\ncameras:\n  a:\n    url: x\n    detect: { model: motion }\n    zones:\n      z: { polygon: [[0, 0], [1, 1], [1, 0], [0, 1]] }\n",
            "omma.yaml:7:",
            &["camera `a`", "`z`", "cross"],
        ),
        (
            "version: 1\ncameras:\n  a:\n    url: x\n    detect: { model: motion }\n    zones:\n      z: { polygon: [[0, 0], [1, 0], [1, 1]], dwell: soon }\n",
            "omma.yaml:7:",
            &["`soon` is no duration", "10s"],
        ),
        (
            "version: 1\ncameras:\n  a: { url: x, detect: { model: motion, classes: [person] } }\n",
            "omma.yaml:3:",
            &["camera `a`", "`person`", "choose a model"],
        ),
        (
            "version: 1\nmodels:\n  m: { card: c, classes: [person] }\ncameras:\n  a:\n    url: x\n    detect: { model: m }\n    lines:\n      l: { from: [0, 0], to: [1, 1], classes: [car] }\n",
            "omma.yaml:9:",
            &["camera `a`", "`l` counts `car`", "`classes`"],
        ),
        (
            "version: 1\ncameras:\n  a: { url: 'sim:street?people=999' }\n",
            "omma.yaml:3:",
            &["camera `a`", "`people`", "60"],
        ),
        (
            "version: 1\ncameras:\n  a: { url: 'rstp://u:geheim@h/' }\n",
            "omma.yaml:3:",
            &["rstp://u:***@h/", "rtsp://"],
        ),
        ("version: 1\nhttp: { listen: 8080 }\n", "omma.yaml:2:", &["`8080`", "127.0.0.1:8080"]),
        ("version: 1\ncameras:\n  a: { url: x, ring: 3 }\n", "omma.yaml:3:", &["8MB"]),
        ("version: 1\ncameras: [\n", "omma.yaml:", &[]),
    ];
    for (text, place, words) in cases {
        let error = parse(text).expect_err(text).to_string();
        assert!(error.starts_with(place), "{error}\n{text}");
        for word in *words {
            assert!(error.contains(word), "`{word}` is not in: {error}\n{text}");
        }
    }
}

#[test]
fn a_password_put_in_never_shows_in_a_message() {
    let text = "version: 1\ncameras:\n  a: { url: 'rtsp://u:${PASSWORD}@h/', ring: bad }\n";
    assert!(!parse(text).unwrap_err().to_string().contains("s3cret"));
    // An address in the wrong place.
    let text = "version: 1\nhttp: { listen: 'http://u:${PASSWORD}@h/' }\n";
    let message = parse(text).unwrap_err().to_string();
    assert!(message.contains("u:***@h") && !message.contains("s3cret"), "{message}");
}

const BUS: &str = "\
version: 1
bus: { url: 'rediss://bob:${PASSWORD}@r:7000/2', prefix: site, frames: { form: jpeg, fps: 5 }, keep: 2min }
models:
  mine: { bus: true, classes: [person] }
cameras:
  door: { url: door.mp4, detect: { model: mine }, frames: { form: none } }
  yard: { url: 'redis+redisedge://r:6379/camera:7' }
publish:
  - { camera: door, to: 'redis://r:6379', dialect: redisedge, adaptive: true, page: {} }
  - { camera: door, to: 'redis://r:6379/1', dialect: deepvision, series: 'redis://ts:6379', reference: own }
sinks:
  - { name: shop, to: 'https://shop.example/in', secret: '${PASSWORD}', kinds: [line_crossed] }
  - { name: home, to: 'mqtt://u:${PASSWORD}@m/house', home_assistant: true, cameras: [door] }
";

#[test]
fn brokers_dialects_and_sinks_are_understood() {
    let config = parse(BUS).unwrap();
    let bus = config.bus.clone().unwrap();
    assert_eq!((bus.prefix.as_str(), bus.broker.database), ("site", 2));
    assert_eq!(bus.frames, FrameTopic::Jpeg { quality: 80, fps: 5 });
    assert_eq!(bus.keep, Duration::from_secs(120));
    assert_eq!(config.cameras[0].frames, Some(FrameTopic::None));
    let detect = config.cameras[0].detect.as_ref().unwrap();
    assert_eq!(detect.detector, Detector::Bus("mine".to_owned()));
    let [redisedge, deepvision] = config.publish.as_slice() else { panic!("two") };
    assert_eq!(redisedge.name, "camera:0");
    assert_eq!(redisedge.page.as_ref().unwrap().address.port(), 5000);
    let DialectConfig::Deepvision { reference, series, .. } = &deepvision.dialect else {
        panic!("deepvision")
    };
    assert_eq!(*reference, Reference::Own);
    assert_eq!(series.as_ref().unwrap().hosts, [("ts".to_owned(), 6379)]);
    let [shop, home] = config.sinks.as_slice() else { panic!("two") };
    assert!(matches!(&shop.target, SinkTarget::Webhook { secret: Some(_), .. }));
    let SinkTarget::Broker { name, home_assistant, .. } = &home.target else { panic!("mqtt") };
    assert_eq!((name.as_str(), home_assistant.as_deref()), ("house", Some("homeassistant")));
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn what_would_go_wrong_on_a_bus_is_refused_with_its_place() {
    let cameras = "version: 1\ncameras:\n  door: { url: door.mp4 }\n";
    let with = |lines: &str| format!("{cameras}{lines}");
    let publish = |first: &str, second: &str| {
        with(&format!("publish:\n  - {{ {first} }}\n  - {{ {second} }}\n"))
    };
    for (text, expected) in [
        (
            publish(
                "camera: door, to: 'redis://r', dialect: redisedge",
                "camera: door, to: 'redis://r:6379', dialect: deepvision",
            ),
            "omma.yaml:6:5: `camera:0` is written by cameras `door` (redisedge) and `door`",
        ),
        (
            with("publish:\n  - { camera: door, to: 'redis://r', dialect: redisegde }\n"),
            "did you mean `redisedge`",
        ),
        (
            with("publish:\n  - { camera: dor, to: 'redis://r', dialect: redisedge }\n"),
            "did you mean `door`",
        ),
        (
            with("publish:\n  - { camera: door, to: 'kafka://r', dialect: redisedge }\n"),
            "`redisedge` is not spoken on kafka",
        ),
        (
            with("publish:\n  - { camera: door, to: 'redis://r', dialect: redisedge, every: 3 }\n"),
            "`every` is an option of `imagebus`, not of `redisedge`",
        ),
        (
            with("publish:\n  - { camera: door, to: 'redis://r', dialect: imagebus }\n"),
            "`imagebus` is not spoken on redis",
        ),
        (
            with(
                "publish:\n  - { camera: door, to: 'kafka://k', dialect: imagebus, \
                 topics: { source: a, redaction: a } }\n",
            ),
            "each kind of message needs a topic of its own",
        ),
        (with("bus: 'mqtt://m'\n"), "the bus needs Redis or Kafka"),
        (with("models: { mine: { bus: true } }\n"), "but there is no bus"),
        (with("sinks:\n  - { name: a b, to: 'https://h' }\n"), "letters, digits"),
        (with("sinks:\n  - { name: a, to: 'https://h', kinds: [crossed] }\n"), "kind of event"),
        (with("sinks:\n  - { name: a, to: 'redis://u:geheim@h:x/e' }\n"), "a port is no number"),
    ] {
        let error = parse(&text).expect_err(&text).to_string();
        assert!(error.contains(expected), "{error}\nexpected: {expected}");
        assert!(!error.contains("geheim"), "{error}");
    }
}

const HALL: &str = "\
version: 1
models: { people: { card: yolox-nano, classes: [person, car] } }
cameras:
  hall: { url: hall.mp4, detect: { model: people } }
  safe: { url: 'redacted:hall', redact: { classes: [person], style: blur, margin: 0.3, hold: 2s } }
  shown: { url: 'annotated:hall', record: { mode: always } }
";

#[test]
fn derived_cameras_are_understood_and_told_back() {
    let config = parse(HALL).unwrap();
    let [_, safe, shown] = config.cameras.as_slice() else { panic!("three cameras") };
    let redact = RedactConfig {
        classes: vec![ClassName::new("person")],
        style: RedactStyle::Blur,
        margin: 0.3,
        hold: Duration::from_secs(2),
    };
    assert_eq!(safe.redact, Some(redact));
    for camera in [safe, shown] {
        let json = camera.to_json(false).to_string();
        assert_eq!(config.parse_camera(camera.id.as_str(), &json).as_ref(), Ok(camera));
    }
}

#[test]
fn derived_cameras_that_cannot_be_made_are_refused() {
    let change = |from: &str, to: &str| {
        assert!(HALL.contains(from), "{from}");
        parse(&HALL.replacen(from, to, 1)).unwrap_err().to_string()
    };
    let cases = [
        (
            "redacted:hall",
            "redacted:hal",
            "omma.yaml:5:16: camera `safe`: unknown camera `hal`; did you mean `hall`?",
        ),
        ("redacted:hall", "redacted:", "must stand the name of a camera"),
        ("redacted:hall", "redacted:safe", "`safe` is made from another camera itself"),
        ("redacted:hall", "redacted:shown", "`shown` is made from another camera itself"),
        ("redacted:hall", "annotated:hall", "hides nothing here"),
        (", detect: { model: people }", "", "nothing would be found that could be hidden"),
        ("{ model: people }", "{ model: people, fps: 1 }", "2 pictures a second or more"),
        ("{ model: people }", "{ model: people, fps: keyframes }", "2 pictures a second or more"),
        ("{ model: people }", "{ model: people, gate: motion }", "whoever stands still"),
        ("{ model: people }", "{ model: motion }", "cannot tell `person`"),
        (
            "classes: [person],",
            "classes: [dog],",
            "does not look for `dog` (it does for `person`, `car`)",
        ),
        ("hold: 2s", "hold: 1min", "`hold` must be 10s or less"),
        ("mode: always", "mode: events", "it raises no events itself"),
        (
            "url: hall.mp4",
            "url: hall.mp4, detect_url: 'redacted:safe'",
            "can only be a camera's `url`",
        ),
    ];
    for (from, to, expected) in cases {
        let error = change(from, to);
        assert!(error.contains(expected), "{from} -> {to}: {error}");
    }
}

#[test]
fn webrtc_is_on_off_or_somewhere_else() {
    let webrtc = |text: &str| parse(&format!("version: 1\n{text}\n")).map(|config| config.webrtc);
    assert_eq!(webrtc("").unwrap(), Some(WebrtcConfig::default()));
    assert_eq!(webrtc("webrtc: true").unwrap(), Some(WebrtcConfig::default()));
    assert_eq!(webrtc("webrtc: false").unwrap(), None);
    let text = "webrtc: { listen: '0.0.0.0:8555', public: [203.0.113.7, '[2001:db8::1]:9000'] }";
    let places = webrtc(text).unwrap().unwrap();
    assert_eq!(places.listen, Some("0.0.0.0:8555".parse().unwrap()));
    let public = [("203.0.113.7", None), ("2001:db8::1", Some(9000))];
    assert_eq!(places.public, public.map(|(ip, port)| (ip.parse().unwrap(), port)));
    let error = webrtc("webrtc: { public: [home.example] }").unwrap_err().to_string();
    assert!(error.contains("home.example") && error.contains("omma.yaml:2"), "{error}");
    for text in ["webrtc: { port: 1 }", "accounts: { port: 1 }", "webrtc: port"] {
        let error = webrtc(text).unwrap_err().to_string();
        assert!(error.contains("port") && error.contains("omma.yaml:2"), "{text}: {error}");
    }
}
