use super::*;
use crate::YuvImage;
use proptest::prelude::*;

fn spec(size: Size, fit: Fit) -> TensorSpec {
    TensorSpec {
        size,
        fit,
        order: ChannelOrder::Rgb,
        layout: Layout::Nchw,
        mean: [0.0; 3],
        scale: [1.0; 3],
        pad: 114.0,
    }
}

/// A smooth picture: neighbouring samples differ by little, so that the order of colour
/// conversion and interpolation cannot matter much.
fn smooth(size: Size, range: ColorRange, matrix: ColorMatrix) -> YuvImage {
    let mut image = YuvImage::black(size, range, matrix);
    let chroma = crate::picture::chroma_size(size);
    let [y, u, v] = image.planes_mut();
    let wave = |x: usize, y: usize, a: f32, b: f32| {
        (128.0 + 60.0 * (x as f32 * a).sin() + 40.0 * (y as f32 * b).cos()) as u8
    };
    for (i, sample) in y.iter_mut().enumerate() {
        *sample = wave(i % size.width as usize, i / size.width as usize, 0.05, 0.04);
    }
    for (i, (u, v)) in u.iter_mut().zip(v).enumerate() {
        let (x, y) = (i % chroma.width as usize, i / chroma.width as usize);
        (*u, *v) = (wave(x, y, 0.03, 0.05) / 2 + 64, wave(y, x, 0.04, 0.02) / 2 + 64);
    }
    image
}

/// Linear interpolation in a plane, at a place in samples of that plane.
fn sample(plane: &Plane<'_>, x: f64, y: f64) -> f64 {
    let (w, h) = (plane.size().width as usize, plane.size().height as usize);
    let (x, y) = (x.clamp(0.0, w as f64 - 1.0), y.clamp(0.0, h as f64 - 1.0));
    let (x0, y0) = (x as usize, y as usize);
    let (x1, y1) = ((x0 + 1).min(w - 1), (y0 + 1).min(h - 1));
    let at = |x: usize, y: usize| f64::from(plane.row(y)[x]);
    let (fx, fy) = (x.fract(), y.fract());
    (at(x0, y0) * (1.0 - fx) + at(x1, y0) * fx) * (1.0 - fy)
        + (at(x0, y1) * (1.0 - fx) + at(x1, y1) * fx) * fy
}

/// The textbook's formulas, written with its numbers.
fn to_rgb(y: f64, u: f64, v: f64, range: ColorRange, matrix: ColorMatrix) -> [f64; 3] {
    let (y, u, v) = match range {
        ColorRange::Limited => {
            ((y - 16.0) * 255.0 / 219.0, (u - 128.0) * 255.0 / 224.0, (v - 128.0) * 255.0 / 224.0)
        }
        ColorRange::Full => (y, u - 128.0, v - 128.0),
    };
    let rgb = match matrix {
        ColorMatrix::Bt601 => [y + 1.402 * v, y - 0.344_136 * u - 0.714_136 * v, y + 1.772 * u],
        ColorMatrix::Bt709 => [y + 1.5748 * v, y - 0.187_324 * u - 0.468_124 * v, y + 1.8556 * u],
    };
    rgb.map(|c| c.clamp(0.0, 255.0))
}

/// The slow way: a full-size RGB picture first, then two-tap resizing.
fn reference(image: &YuvImage, width: u32, height: u32) -> Vec<[f64; 3]> {
    let view = image.view();
    let (w, h) = (view.size().width as usize, view.size().height as usize);
    let rgb: Vec<[f64; 3]> = (0..w * h)
        .map(|i| {
            let (x, y) = (i % w, i / w);
            let (cx, cy) = ((x as f64 + 0.5) / 2.0 - 0.5, (y as f64 + 0.5) / 2.0 - 0.5);
            let luma = f64::from(view.y.row(y)[x]);
            let (u, v) = (sample(&view.u, cx, cy), sample(&view.v, cx, cy));
            to_rgb(luma, u, v, view.range, view.matrix)
        })
        .collect();
    let place = |i: u32, count: u32, length: usize| {
        let at = (f64::from(i) + 0.5) * length as f64 / f64::from(count) - 0.5;
        let at = at.clamp(0.0, length as f64 - 1.0);
        (at as usize, (at as usize + 1).min(length - 1), at.fract())
    };
    let mut out = Vec::new();
    for y in 0..height {
        let (y0, y1, fy) = place(y, height, h);
        for x in 0..width {
            let (x0, x1, fx) = place(x, width, w);
            out.push([0, 1, 2].map(|c| {
                (rgb[y0 * w + x0][c] * (1.0 - fx) + rgb[y0 * w + x1][c] * fx) * (1.0 - fy)
                    + (rgb[y1 * w + x0][c] * (1.0 - fx) + rgb[y1 * w + x1][c] * fx) * fy
            }));
        }
    }
    out
}

fn run(spec: TensorSpec, image: &YuvImage) -> (Vec<f32>, Mapping) {
    let mut letterbox = Letterbox::new(spec);
    let mut tensor = vec![f32::NAN; letterbox.tensor_len()];
    let mapping = letterbox.fill(&image.view(), &mut tensor).unwrap();
    (tensor, mapping)
}

#[test]
fn one_pass_equals_convert_then_resize() {
    let sizes = [
        (Size::new(96, 72), Size::new(52, 39)),
        (Size::new(101, 57), Size::new(40, 33)),
        (Size::new(33, 41), Size::new(64, 64)),
        (Size::new(1, 1), Size::new(4, 3)),
    ];
    for range in [ColorRange::Limited, ColorRange::Full] {
        for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709] {
            for (source, target) in sizes {
                let image = smooth(source, range, matrix);
                let (tensor, _) = run(spec(target, Fit::Stretch), &image);
                let plane = tensor.len() / 3;
                let slow = reference(&image, target.width, target.height);
                for (i, expected) in slow.iter().enumerate() {
                    for (c, expected) in expected.iter().enumerate() {
                        let got = f64::from(tensor[c * plane + i]);
                        assert!(
                            (got - expected).abs() < 2.0,
                            "{source} to {target}, {range:?} {matrix:?}, pixel {i} channel {c}: \
                             {got} instead of {expected}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn fits_keep_or_bend_the_shape_and_pad_the_rest() {
    let image = YuvImage::black(Size::new(40, 20), ColorRange::Full, ColorMatrix::Bt601);
    let size = Size::new(16, 16);
    let rows = |fit| {
        let (tensor, _) = run(spec(size, fit), &image);
        tensor[..256].chunks(16).map(|row| row[7] > 50.0).collect::<Vec<_>>()
    };
    let mut padded = [true; 16];
    padded[..8].fill(false);
    assert_eq!(rows(Fit::TopLeft), padded);
    padded = [true; 16];
    padded[4..12].fill(false);
    assert_eq!(rows(Fit::Center), padded);
    assert_eq!(rows(Fit::Stretch), [false; 16]);
}

#[test]
fn order_layout_and_normalisation_only_rearrange() {
    let image = smooth(Size::new(40, 30), ColorRange::Limited, ColorMatrix::Bt709);
    let plain = TensorSpec { pad: 0.0, ..spec(Size::new(24, 24), Fit::Center) };
    let (rgb, _) = run(plain, &image);
    let plane = rgb.len() / 3;
    let (bgr, _) = run(TensorSpec { order: ChannelOrder::Bgr, ..plain }, &image);
    assert_eq!(rgb[..plane], bgr[2 * plane..]);
    let (pixels, _) = run(TensorSpec { layout: Layout::Nhwc, ..plain }, &image);
    for (i, pixel) in pixels.chunks(3).enumerate() {
        assert_eq!(pixel, [rgb[i], rgb[plane + i], rgb[2 * plane + i]]);
    }
    let (mean, scale) = ([10.0, 20.0, 30.0], [0.5, 0.25, 2.0]);
    let (normal, _) = run(TensorSpec { mean, scale, ..plain }, &image);
    for (i, value) in normal.iter().enumerate() {
        let c = i / plane;
        assert!((value - (rgb[i] - mean[c]) * scale[c]).abs() < 1e-3);
    }
}

#[test]
fn a_tensor_of_another_length_is_refused_untouched() {
    let image = YuvImage::black(Size::new(8, 8), ColorRange::Full, ColorMatrix::Bt601);
    let mut letterbox = Letterbox::new(spec(Size::new(4, 4), Fit::TopLeft));
    let mut tensor = [7.0; 47];
    assert_eq!(letterbox.fill(&image.view(), &mut tensor), None);
    assert_eq!(tensor, [7.0; 47]);
}

proptest! {
    #[test]
    fn any_size_fills_all_of_the_tensor_with_colours(
        source in (1u32..90, 1u32..90),
        target in (1u32..70, 1u32..70),
        fit in prop_oneof![Just(Fit::TopLeft), Just(Fit::Center), Just(Fit::Stretch)],
        layout in prop_oneof![Just(Layout::Nchw), Just(Layout::Nhwc)],
        noise in any::<u64>(),
    ) {
        let size = Size::new(source.0, source.1);
        let mut image = YuvImage::black(size, ColorRange::Limited, ColorMatrix::Bt601);
        let mut state = noise | 1;
        for plane in image.planes_mut() {
            for sample in plane {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *sample = (state >> 56) as u8;
            }
        }
        let target = Size::new(target.0, target.1);
        let (tensor, mapping) = run(TensorSpec { layout, ..spec(target, fit) }, &image);
        prop_assert!(tensor.iter().all(|v| (0.0..=255.0).contains(v)));
        // The whole picture comes back as the unit square.
        let tables = Tables::new(size, &spec(target, fit));
        let whole = mapping.to_fractions(Rect::new(
            tables.left as f32, tables.top as f32, tables.width as f32, tables.height as f32,
        ));
        for (got, expected) in [
            (whole.left, 0.0), (whole.top, 0.0), (whole.width, 1.0), (whole.height, 1.0),
        ] {
            prop_assert!((got - expected).abs() < 1e-4);
        }
    }

    #[test]
    fn a_reused_letterbox_gives_what_a_new_one_gives(
        sizes in prop::collection::vec((1u32..60, 1u32..60), 6), turns in 0usize..3,
    ) {
        let spec = spec(Size::new(32, 24), Fit::Center);
        let mut letterbox = Letterbox::new(spec);
        let mut tensor = vec![0.0; letterbox.tensor_len()];
        for size in sizes.iter().chain(&sizes[turns..]) {
            let image = smooth(Size::new(size.0, size.1), ColorRange::Full, ColorMatrix::Bt709);
            letterbox.fill(&image.view(), &mut tensor).unwrap();
            prop_assert_eq!(&tensor, &run(spec, &image).0);
        }
    }
}
