use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::{Command, Stdio};

use omma_imaging::{ColorMatrix, ColorRange, YuvImage};

use super::*;
use crate::EngineChoice;
use crate::testing;

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

/// The clip's pictures, decoded by the ffmpeg program.
fn decode(clip: &Path, size: Size, mut each: impl FnMut(usize, &YuvImage)) -> bool {
    let command = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(clip)
        .args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "-"])
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

#[test]
fn a_real_clip_gives_the_reference_detections() {
    let Some(data) = testing::data() else { return };
    let Some(model) = real("yolox-nano", EngineChoice::Ort) else { return };
    let mut session = model.session().unwrap();
    let wanted = model.wanted(0.05, &["person"]).unwrap();
    let rows = reference_rows(&data.join("mot/PETS09-S2L1/det-yolox-nano.txt"));
    let size = Size::new(768, 576);
    let (mut hits, mut all) = (0, 0);
    let mut timings = StageTimings::default();
    let mut extra = 0i64;
    let decoded = decode(&data.join("clips/PETS09-S2L1.mp4"), size, |number, image| {
        let found = session.detect(&[image.view()], &wanted, &mut timings).unwrap();
        let found = &found[0];
        assert!(found.windows(2).all(|w| w[0].score >= w[1].score));
        let good = rows.get(&number).into_iter().flatten().filter(|(_, score)| *score >= 0.3);
        extra += found.iter().filter(|d| d.score >= 0.3).count() as i64;
        for (rect, _) in good {
            all += 1;
            extra -= 1;
            hits += usize::from(found.iter().any(|d| d.rect.to_pixels(size).iou(rect) >= 0.8));
        }
    });
    if !decoded {
        return;
    }
    println!(
        "{hits} of {all} reference rows found ({:.2} %), {extra} more found, prepare {:?}, infer {:?}",
        100.0 * hits as f32 / all as f32,
        timings.get(Stage::Prepare) / 795,
        timings.get(Stage::Infer) / 795
    );
    assert!(all > 3000 && hits as f32 >= 0.97 * all as f32, "{hits} of {all}");
}
