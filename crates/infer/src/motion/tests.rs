use omma_imaging::{ColorMatrix, ColorRange, YuvImage};

use super::*;

const SIZE: Size = Size::new(640, 360);

/// Draws the pictures of a made-up camera at 5 pictures a second.
struct Scene {
    image: YuvImage,
    noise: u32,
    state: u32,
    time: f64,
    light: f32,
}

impl Scene {
    fn new(noise: u32) -> Self {
        let image = YuvImage::black(SIZE, ColorRange::Limited, ColorMatrix::Bt601);
        Self { image, noise, state: 1, time: 0.0, light: 1.0 }
    }

    /// The next picture, with `things` (left, top, width, height, brightness) in front of a
    /// background of stripes.
    fn next(
        &mut self,
        detector: &mut MotionDetector,
        things: &[(u32, u32, u32, u32, u8)],
    ) -> Vec<Detection> {
        let (noise, light) = (self.noise, self.light);
        let [luma, _, _] = self.image.planes_mut();
        for (i, sample) in luma.iter_mut().enumerate() {
            let (x, y) = (i as u32 % SIZE.width, i as u32 / SIZE.width);
            let mut value = 60.0 + 30.0 * ((x / 40 + y / 60) % 3) as f32;
            for &(left, top, width, height, bright) in things {
                if (left..left + width).contains(&x) && (top..top + height).contains(&y) {
                    value = f32::from(bright);
                }
            }
            self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = if noise == 0 { 0 } else { self.state >> 16 & 0xffff } % (2 * noise + 1);
            *sample = (value * light + grain as f32 - noise as f32).clamp(0.0, 255.0) as u8;
        }
        self.time += 0.2;
        detector.update(&self.image.view(), MediaTime::from_secs_f64(self.time))
    }

    /// `count` pictures without anything in them; all that was detected.
    fn empty(&mut self, detector: &mut MotionDetector, count: usize) -> usize {
        (0..count).map(|_| self.next(detector, &[]).len()).sum()
    }
}

fn learnt(noise: u32) -> (Scene, MotionDetector) {
    let (mut scene, mut detector) =
        (Scene::new(noise), MotionDetector::new(MotionOptions::default()));
    assert_eq!(scene.empty(&mut detector, 10), 0);
    assert!(!detector.active());
    (scene, detector)
}

/// A person walking: one box around all of it.
fn walker(step: u32) -> (u32, u32, u32, u32, u8) {
    (60 + 12 * step, 120, 30, 80, 200)
}

#[test]
fn a_walking_figure_gives_one_box_at_its_place() {
    let (mut scene, mut detector) = learnt(8);
    for step in 0..30 {
        let thing = walker(step);
        let found = scene.next(&mut detector, &[thing]);
        let [figure] = &found[..] else { panic!("step {step}: {found:?}") };
        let truth = Rect::new(thing.0 as f32, thing.1 as f32, 30.0, 80.0).to_fractions(SIZE);
        assert!(figure.rect.iou(&truth) > 0.7, "step {step}: {figure:?}");
        assert_eq!(figure.class.as_str(), "motion");
        assert!((0.5..=1.0).contains(&figure.score));
        assert!(detector.active() && detector.fraction() > 0.005);
    }
}

#[test]
fn head_coat_and_shoes_are_one_figure_and_two_people_are_two() {
    let (mut scene, mut detector) = learnt(4);
    for step in 0..10 {
        let x = 100 + 10 * step;
        // The middle stripe has the background's brightness, almost.
        let parts = [(x, 100, 24, 18, 220), (x, 130, 28, 30, 20), (x + 2, 172, 20, 20, 230)];
        let other = (x + 200, 120, 30, 80, 20);
        let found = scene.next(&mut detector, &[parts[0], parts[1], parts[2], other]);
        assert_eq!(found.len(), 2, "{found:?}");
        let truth = Rect::new(x as f32, 100.0, 28.0, 92.0).to_fractions(SIZE);
        assert!(found.iter().any(|d| d.rect.iou(&truth) > 0.7), "{found:?}");
    }
}

#[test]
fn noise_alone_is_no_motion_however_strong() {
    for noise in [0, 5, 15, 30] {
        let (mut scene, mut detector) = learnt(noise);
        assert_eq!(scene.empty(&mut detector, 60), 0, "noise {noise}");
        assert!(!detector.active());
    }
}

#[test]
fn a_light_switch_is_no_motion_and_motion_is_seen_soon_after() {
    for light in [0.35, 1.9] {
        let (mut scene, mut detector) = learnt(5);
        scene.light = light;
        assert_eq!(scene.empty(&mut detector, 15), 0, "light {light}");
        let found: usize =
            (0..5).map(|step| scene.next(&mut detector, &[walker(2 * step)]).len()).sum();
        assert!(found >= 4, "light {light}: {found}");
    }
}

#[test]
fn dusk_is_no_motion() {
    let (mut scene, mut detector) = learnt(5);
    for _ in 0..300 {
        scene.light *= 0.997;
        assert_eq!(scene.empty(&mut detector, 1), 0, "light {}", scene.light);
    }
}

#[test]
fn what_has_come_to_stay_becomes_background() {
    let (mut scene, mut detector) = learnt(5);
    let car = (300, 200, 90, 50, 220);
    assert_eq!(scene.next(&mut detector, &[car]).len(), 1);
    for _ in 0..600 {
        scene.next(&mut detector, &[car]);
    }
    assert_eq!(scene.next(&mut detector, &[car]).len(), 0);
    assert!(!detector.active());
}

#[test]
fn adaptation_goes_by_time_not_by_pictures() {
    // The same ten seconds at 5 and at 50 pictures a second end in the same background.
    let run = |rate: u32| {
        let mut detector = MotionDetector::new(MotionOptions::default());
        let mut image = YuvImage::black(SIZE, ColorRange::Limited, ColorMatrix::Bt601);
        image.planes_mut()[0].fill(100);
        detector.update(&image.view(), MediaTime::ZERO);
        image.planes_mut()[0].fill(104);
        for i in 1..=4 * rate {
            let now = MediaTime::from_secs_f64(f64::from(i) / f64::from(rate));
            detector.update(&image.view(), now);
        }
        detector.mean[1000]
    };
    assert!((run(5) - run(50)).abs() < 0.2, "{} {}", run(5), run(50));
}

#[test]
fn while_learning_nothing_is_reported_but_nothing_is_gated() {
    let (mut scene, mut detector) = (Scene::new(5), MotionDetector::new(MotionOptions::default()));
    for step in 0..4 {
        assert!(scene.next(&mut detector, &[walker(step)]).is_empty());
        assert!(detector.active());
    }
    // A change of size, and a jump back in time, start over.
    let (_, mut detector) = learnt(5);
    let small = YuvImage::black(Size::new(64, 48), ColorRange::Full, ColorMatrix::Bt601);
    assert!(detector.update(&small.view(), MediaTime::from_secs_f64(9.0)).is_empty());
    assert!(detector.active());
}

proptest::proptest! {
    #[test]
    fn any_size_and_content_gives_boxes_inside_the_picture(
        width in 1u32..700, height in 1u32..40, seed in proptest::prelude::any::<u32>(),
    ) {
        let mut image =
            YuvImage::black(Size::new(width, height), ColorRange::Full, ColorMatrix::Bt601);
        let mut detector = MotionDetector::new(MotionOptions::default());
        let mut state = seed;
        for second in 0..6 {
            for (i, sample) in image.planes_mut()[0].iter_mut().enumerate() {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // A quarter of the picture is wild from the third second on.
                let wild = second > 2 && i % width as usize > 3 * width as usize / 4;
                *sample = if wild { (state >> 24) as u8 } else { 50 };
            }
            let now = MediaTime::from_secs_f64(f64::from(second));
            for d in detector.update(&image.view(), now) {
                let edges = [d.rect.left, d.rect.top, d.rect.right(), d.rect.bottom()];
                proptest::prop_assert!(edges.iter().all(|e| (0.0..=1.0001).contains(e)));
                proptest::prop_assert!(d.rect.area() > 0.0);
            }
            proptest::prop_assert!((0.0..=1.0).contains(&detector.fraction()));
        }
    }
}
