use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::{Command, Stdio};

use omma_imaging::{ColorMatrix, ColorRange, YuvImage};
use omma_types::ErrorKind;

use super::*;
use crate::EngineChoice;
use crate::testing::{self, FLOAT, FLOAT16, INT64, Onnx, UINT8};

fn real(name: &str, choice: EngineChoice) -> Option<Arc<Model>> {
    let (data, options) = (testing::data()?, testing::engine(choice)?);
    let source = testing::registry(&data).resolve(name).unwrap();
    Some(Model::load(&source, &options).unwrap())
}

/// A tensor that looks like a picture: smooth, with some structure.
fn picture_like(length: usize) -> Vec<f32> {
    let at =
        |i: usize| 128.0 + 90.0 * ((i % 416) as f32 * 0.06).sin() * ((i / 416) as f32 * 0.05).cos();
    (0..length).map(at).collect()
}

#[test]
fn both_engines_give_the_same_numbers() {
    for name in ["yolox-nano", "nanodet-m-416"] {
        let Some(ort) = real(name, EngineChoice::Ort) else { return };
        let Some(rten) = real(name, EngineChoice::Rten) else { return };
        let mut tensor = picture_like(ort.tensor_len());
        if name.starts_with("nanodet") {
            tensor.iter_mut().for_each(|v| *v = (*v - 116.0) / 57.0);
        }
        let a = ort.session().unwrap().raw(&tensor).unwrap();
        let b = rten.session().unwrap().raw(&tensor).unwrap();
        let shapes = |raw: &[RawOutput]| {
            raw.iter().map(|o| (o.name.clone(), o.shape.clone())).collect::<Vec<_>>()
        };
        assert_eq!(shapes(&a), shapes(&b));
        let pairs = a.iter().zip(&b).flat_map(|(a, b)| a.numbers.iter().zip(&b.numbers));
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{name}: largest difference between the engines {worst:e}");
        assert!(worst < 1e-3, "{name}: {worst}");
    }
}

/// The clip's first `last` pictures, decoded by the ffmpeg program.
fn decode(clip: &Path, size: Size, last: usize, mut each: impl FnMut(usize, &YuvImage)) -> bool {
    let command = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(clip)
        .args(["-frames:v", &last.to_string(), "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"])
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = command else {
        eprintln!("skipped: no ffmpeg program");
        return false;
    };
    let mut pipe = child.stdout.take().unwrap();
    let mut image = YuvImage::black(size, ColorRange::Limited, ColorMatrix::Bt601);
    let mut number = 0;
    loop {
        for plane in image.planes_mut() {
            if pipe.read_exact(plane).is_err() {
                assert!(child.wait().unwrap().success());
                return true;
            }
        }
        number += 1;
        each(number, &image);
    }
}

fn reference_rows(file: &Path) -> BTreeMap<usize, Vec<(Rect, f32)>> {
    let mut rows: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let n: Vec<f32> = line.split(',').map(|n| n.trim().parse().unwrap()).collect();
        rows.entry(n[0] as usize).or_default().push((Rect::new(n[2], n[3], n[4], n[5]), n[6]));
    }
    rows
}

/// How many of the reference's rows with a score of `from` on in the first `last` pictures of
/// PETS09-S2L1 `name` finds at an overlap of `overlap`, of how many. None where parts lack.
fn found_of_reference(name: &str, from: f32, overlap: f32, last: usize) -> Option<(usize, usize)> {
    let (data, model) = (testing::data()?, real(name, EngineChoice::Ort)?);
    let mut session = model.session().unwrap();
    let wanted = model.wanted(0.05, &["person"]).unwrap();
    let rows = reference_rows(&data.join("mot/PETS09-S2L1/det-yolox-nano.txt"));
    let size = Size::new(768, 576);
    let (mut hits, mut all) = (0, 0);
    let decoded = decode(&data.join("clips/PETS09-S2L1.mp4"), size, last, |number, image| {
        let mut timings = StageTimings::default();
        let found = session.detect(&[image.view()], &wanted, &mut timings).unwrap();
        let found = &found[0];
        assert!(found.windows(2).all(|w| w[0].score >= w[1].score));
        for (rect, _) in rows.get(&number).into_iter().flatten().filter(|(_, s)| *s >= from) {
            all += 1;
            hits += usize::from(found.iter().any(|d| d.rect.to_pixels(size).iou(rect) >= overlap));
        }
    });
    println!("{name}: {hits} of {all} reference rows found at an overlap of {overlap}");
    decoded.then_some((hits, all))
}

#[test]
fn a_real_clip_gives_the_reference_detections() {
    let Some((hits, all)) = found_of_reference("yolox-nano", 0.3, 0.8, 795) else { return };
    assert!(all > 3000 && hits * 100 >= all * 97, "{hits} of {all}");
}

#[test]
fn another_family_sees_the_same_people() {
    let Some((hits, all)) = found_of_reference("nanodet-m-416", 0.6, 0.6, 60) else { return };
    assert!(all > 200 && hits * 10 >= all * 9, "{hits} of {all}");
}

/// A plain white picture with a size.
fn picture(width: u32, height: u32, luma: u8) -> YuvImage {
    let size = Size::new(width, height);
    let mut image = YuvImage::black(size, ColorRange::Full, ColorMatrix::Bt601);
    let [y, _, _] = image.planes_mut();
    y.fill(luma);
    image
}

fn each_engine() -> impl Iterator<Item = EngineOptions> {
    [EngineChoice::Ort, EngineChoice::Rten].into_iter().filter_map(testing::engine)
}

fn load(file: &Path, options: &EngineOptions) -> Result<Arc<Model>, InferError> {
    Model::load(&ModelSource::File(file.to_owned()), options)
}

fn images(batch: &str) -> Onnx {
    Onnx::default().input("images", FLOAT, &[batch, "3", "64", "64"])
}

/// What `file` detects in one picture of 64x64.
fn detect(file: &Path, options: &EngineOptions) -> (Family, Vec<Detection>) {
    let model = load(file, options).unwrap();
    let mut session = model.session().unwrap();
    let image = picture(64, 64, 200);
    let mut timings = StageTimings::default();
    let mut found = session.detect(&[image.view()], &Wanted::all(0.3), &mut timings).unwrap();
    (model.family(), found.remove(0))
}

fn numbers(length: usize, values: &[(usize, f32)]) -> Vec<f32> {
    let mut numbers = vec![0.0; length];
    values.iter().for_each(|(at, value)| numbers[*at] = *value);
    numbers
}

#[test]
fn each_family_is_recognised_in_a_file_and_read() {
    let dir = tempfile::tempdir().unwrap();
    // All of these say: class 1, score 0.75, corners (16, 8) and (32, 40).
    let v8 = numbers(6 * 84, &[(9, 24.0), (93, 24.0), (177, 16.0), (261, 32.0), (429, 0.75)]);
    let v5: Vec<f32> = [24.0, 24.0, 16.0, 32.0, 1.0, 0.0, 0.75]
        .into_iter()
        .chain(std::iter::repeat_n(0.0, 251 * 7))
        .collect();
    let last: Vec<f32> = [16.0, 8.0, 32.0, 40.0, 0.75, 1.0]
        .into_iter()
        .chain(std::iter::repeat_n(0.0, 299 * 6))
        .collect();
    let logit = (0.75f32 / 0.25).ln();
    let raw_boxes = numbers(8, &[(0, 0.375), (1, 0.375), (2, 0.25), (3, 0.5)]);
    let raw_logits = numbers(4, &[(1, logit), (0, -9.0), (2, -9.0), (3, -9.0)]);
    // Cell (1, 0) of stride 8: its corner adds one cell to the centre.
    let yolox = numbers(
        84 * 7,
        &[(7, 2.0), (8, 3.0), (9, 2f32.ln()), (10, 4f32.ln()), (11, 1.0), (13, 0.75)],
    );
    let files = [
        (Family::Yolo, images("1").fixed("output0", &[1, 6, 84], &v8)),
        (Family::Yolo, images("1").fixed("output0", &[1, 252, 7], &v5)),
        (Family::Yolo, images("1").fixed("output0", &[1, 300, 6], &last)),
        (Family::Yolox, images("1").fixed("output", &[1, 84, 7], &yolox)),
        (
            Family::Detr,
            images("1").fixed("dets", &[1, 2, 4], &raw_boxes).fixed(
                "labels",
                &[1, 2, 2],
                &raw_logits,
            ),
        ),
        (
            Family::Detr,
            images("1").fixed("pred_boxes", &[1, 2, 4], &raw_boxes).fixed(
                "logits",
                &[1, 2, 2],
                &raw_logits,
            ),
        ),
        (
            Family::Detr,
            images("1")
                .input("orig_target_sizes", INT64, &["1", "2"])
                .integers("label_constant", &[1, 2], &[1, 0])
                .node("Identity", &["label_constant"], "labels", &[])
                .output("labels", INT64, &["1", "2"])
                // The unit of the boxes is what was fed as the picture's size.
                .constant("fractions", &[1, 1, 4], &[0.25, 0.125, 0.5, 0.625])
                .node("Cast", &["orig_target_sizes"], "sizes", &[("to", &[1])])
                .node("Concat", &["sizes", "sizes"], "corners", &[("axis", &[1])])
                .node("Unsqueeze", &["corners"], "units", &[("axes", &[1])])
                .node("Mul", &["fractions", "units"], "one_box", &[])
                .node("Concat", &["one_box", "one_box"], "boxes", &[("axis", &[1])])
                .output("boxes", FLOAT, &["1", "2", "4"])
                .fixed("scores", &[1, 2], &[0.75, 0.0]),
        ),
    ];
    for (number, (family, file)) in files.into_iter().enumerate() {
        let file = file.write(dir.path(), &format!("{number}.onnx"));
        for options in each_engine() {
            let (found_family, found) = detect(&file, &options);
            assert_eq!(found_family, family, "file {number}");
            let [detection] = &found[..] else { panic!("file {number}: {found:?}") };
            let expected = Rect::from_corners(0.25, 0.125, 0.5, 0.625);
            assert!(detection.rect.iou(&expected) > 0.999, "file {number}: {detection:?}");
            assert!((detection.score - 0.75).abs() < 1e-4, "file {number}: {detection:?}");
        }
    }
}

/// A yolo v8 whose only score is the mean of the picture.
fn brightness(batch: &str) -> Onnx {
    let anchors = 84;
    let boxes = numbers(5 * anchors, &[(9, 32.0), (93, 32.0), (177, 64.0), (261, 64.0)]);
    let mask = numbers(5 * anchors, &[(4 * anchors + 9, 1.0)]);
    images(batch)
        .constant("boxes", &[1, 5, anchors], &boxes)
        .constant("mask", &[1, 5, anchors], &mask)
        .node("ReduceMean", &["images"], "mean", &[("axes", &[1, 2, 3])])
        .node("Squeeze", &["mean"], "flat", &[("axes", &[3])])
        .node("Mul", &["mask", "flat"], "score", &[])
        .node("Add", &["boxes", "score"], "output0", &[])
        .output("output0", FLOAT, &[batch, "5", "84"])
        .note("names", "{0: 'lamp'}")
}

#[test]
fn batches_of_any_size_come_back_in_order_with_their_own_boxes() {
    let dir = tempfile::tempdir().unwrap();
    for batch in ["n", "1", "3"] {
        let file = brightness(batch).write(dir.path(), &format!("{batch}.onnx"));
        for options in each_engine() {
            let model = load(&file, &options).unwrap();
            let mut session = model.session().unwrap();
            let images: Vec<YuvImage> = (0..11).map(|i| picture(64, 64, 100 + 10 * i)).collect();
            let views: Vec<YuvView<'_>> = images.iter().map(YuvImage::view).collect();
            let wanted = model.wanted(0.1, &["lamp"]).unwrap();
            let mut timings = StageTimings::default();
            let found = session.detect(&views, &wanted, &mut timings).unwrap();
            assert_eq!(found.len(), 11);
            for (i, found) in found.iter().enumerate() {
                let [lamp] = &found[..] else { panic!("{found:?}") };
                let expected = (100 + 10 * i) as f32 / 255.0;
                assert!(
                    (lamp.score - expected).abs() < 0.01,
                    "batch {batch}, picture {i}: {lamp:?}"
                );
                assert_eq!(
                    (lamp.class.as_str(), lamp.rect),
                    ("lamp", Rect::new(0.0, 0.0, 1.0, 1.0))
                );
            }
            assert!(timings.get(Stage::Prepare) > std::time::Duration::ZERO);
            assert!(timings.get(Stage::Infer) > std::time::Duration::ZERO);
            assert!(session.detect(&[], &wanted, &mut timings).unwrap().is_empty());
        }
    }
}

#[test]
fn a_false_promise_of_batches_is_survived() {
    let dir = tempfile::tempdir().unwrap();
    // Says that any number goes in, and reshapes to one picture inside.
    let file = images("n")
        .constant(
            "boxes",
            &[1, 5, 84],
            &numbers(420, &[(9, 32.0), (93, 32.0), (177, 9.0), (261, 9.0)]),
        )
        .constant("mask", &[1, 5, 84], &numbers(420, &[(345, 1.0)]))
        .integers("one", &[4], &[1, 3, 64, 64])
        .node("Reshape", &["images", "one"], "single", &[])
        .node("ReduceMean", &["single"], "mean", &[("axes", &[1, 2, 3])])
        .node("Squeeze", &["mean"], "flat", &[("axes", &[3])])
        .node("Mul", &["mask", "flat"], "score", &[])
        .node("Add", &["boxes", "score"], "output0", &[])
        .output("output0", FLOAT, &["n", "5", "84"])
        .write(dir.path(), "liar.onnx");
    for options in each_engine() {
        let mut session = load(&file, &options).unwrap().session().unwrap();
        let images = [picture(64, 64, 250), picture(32, 64, 250)];
        let views = [images[0].view(), images[1].view()];
        let mut timings = StageTimings::default();
        let found = session.detect(&views, &Wanted::all(0.3), &mut timings).unwrap();
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    }
}

#[test]
fn files_that_cannot_be_used_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let plain = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let whole = brightness("n").build();
    let input = |element| {
        Onnx::default().input("images", element, &["1", "3", "64", "64"]).fixed(
            "output0",
            &[1, 5, 84],
            &[0.0; 420],
        )
    };
    let vector = Onnx::default().input("x", FLOAT, &["1", "8"]).fixed("y", &[1, 8], &[0.0; 8]);
    let extra = images("1").input("prompt", INT64, &["1", "7"]).input("mask", INT64, &["1", "7"]);
    let cases = [
        (dir.path().join("missing.onnx"), ErrorKind::NotFound, "does not exist"),
        (plain("empty.onnx", b""), ErrorKind::Corrupt, "empty"),
        (plain("text.onnx", b"I am a model, believe me\n"), ErrorKind::Corrupt, "text file"),
        (plain("half.onnx", &whole[..whole.len() / 2]), ErrorKind::Corrupt, "truncated"),
        (input(UINT8).write(dir.path(), "u8.onnx"), ErrorKind::Unsupported, "uint8"),
        (input(INT64).write(dir.path(), "i64.onnx"), ErrorKind::Unsupported, "int64"),
        (input(FLOAT16).write(dir.path(), "f16.onnx"), ErrorKind::Unsupported, "float16"),
        (vector.write(dir.path(), "vector.onnx"), ErrorKind::Unsupported, "four dimensions"),
        (
            extra.fixed("y", &[1], &[0.0]).write(dir.path(), "extra.onnx"),
            ErrorKind::Unsupported,
            "which Omma does not know",
        ),
        (
            images("1").fixed("logits", &[1, 10], &[0.0; 10]).write(dir.path(), "other.onnx"),
            ErrorKind::Unsupported,
            "logits [1, 10]",
        ),
        (dir.path().to_owned(), ErrorKind::Internal, "cannot read"),
    ];
    for options in each_engine() {
        for (file, kind, expected) in &cases {
            let error = load(file, &options).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(expected), "{}: {text}", file.display());
            assert!(text.contains(&file.display().to_string()), "{text}");
            if *kind != ErrorKind::Internal {
                assert_eq!(error.kind(), *kind, "{text}");
            }
        }
    }
    let report = crate::check(&cases[4].0, &EngineOptions::default());
    assert!(!report.usable() && report.problems[0].contains("uint8"), "{report:?}");
    assert!(report.signature.is_some());
}

#[test]
fn a_card_that_contradicts_its_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = brightness("1").write(dir.path(), "lamp.onnx");
    let text = |family: &str, classes: &str| {
        format!(
            "name = \"lamp\"\nfamily = \"{family}\"\nfile = \"lamp.onnx\"\nlicence = \"MIT\"\n\
             classes = {classes}\n[input]\nwidth = 64\nheight = 64\norder = \"rgb\"\nfit = \"stretch\"\n"
        )
    };
    let load = |family, classes| {
        let card = Arc::new(Card::parse(&text(family, classes), "lamp.toml").unwrap());
        let source = ModelSource::Card { card, file: file.clone() };
        Model::load(&source, &EngineOptions::new(EngineChoice::Rten))
    };
    let error = load("yolo", "\"coco80\"").unwrap_err().to_string();
    assert!(error.contains("1 classes, but its card names 80"), "{error}");
    let error = load("yolox", "[\"lamp\"]").unwrap_err().to_string();
    assert!(error.contains("family yolox"), "{error}");
    let model = load("yolo", "[\"lamp\"]").unwrap();
    let error = model.wanted(0.1, &["lamb"]).unwrap_err().to_string();
    assert!(error.contains("did you mean lamp?"), "{error}");
    let mut session = model.session().unwrap();
    assert!(matches!(session.raw(&[0.0]), Err(InferError::TensorLength { .. })));
    let report = crate::bench(&model, std::time::Duration::ZERO).unwrap();
    assert!(report.runs >= 5 && report.min <= report.median && report.median <= report.p95);
}

#[test]
fn a_real_model_passes_the_check_with_both_engines() {
    let Some(data) = testing::data() else { return };
    let Some(options) = testing::engine(EngineChoice::Ort) else { return };
    for (file, family) in
        [("yolox_nano.onnx", Family::Yolox), ("nanodet_m_416.onnx", Family::Nanodet)]
    {
        let report = crate::check(&data.join("models").join(file), &options);
        assert!(report.usable(), "{report:?}");
        assert_eq!((report.family, report.classes), (Some(family), Some(80)));
        assert!(report.engines.iter().all(|e| e.problem.is_none()));
        assert_eq!(report.size, Some(Size::new(416, 416)));
    }
    // A healthy model of another kind: a crop's embedding, no boxes.
    let report =
        crate::check(&data.join("models/person-reidentification-retail-0288.onnx"), &options);
    assert!(report.family.is_none() && !report.usable(), "{report:?}");
}
