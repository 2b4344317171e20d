//! The street as it goes on: who is where in each picture, and the picture itself.

use omma_imaging::{Anchor, Canvas, Color, LabelStyle, Painter, YuvImage};
use omma_types::{ClassName, MediaTime, Point, Rect, TrackId};

use crate::StreetConfig;
use crate::backdrop::{self, Post};
use crate::figure::{Looks, Pose};
use crate::random::Random;
use crate::trip::Trip;
use crate::truth::{Truth, TruthObject};
use crate::vehicle::{Drive, Model, Timetable};
use crate::view::View;

/// Samples of noise, of which each row takes a stretch from somewhere.
const NOISE: usize = 1 << 16;
/// Seconds from bright to dark and back.
const LIGHT_PERIOD: f64 = 40.0;

/// A simulated street, one picture after the other. Two streets with equal configurations
/// give equal pictures, sample for sample.
#[derive(Debug)]
pub struct Street {
    config: StreetConfig,
    view: View,
    frame: u64,
    walkers: Vec<Walker>,
    drivers: Vec<Driver>,
    next_id: u64,
    classes: [ClassName; 2],
    posts: Vec<Post>,
    /// Only made when a picture is asked for: the truth alone needs none.
    studio: Option<Box<Studio>>,
}

/// What painting needs.
#[derive(Debug)]
struct Studio {
    backdrop: YuvImage,
    painter: Painter,
    noise: Vec<i8>,
}

/// Somebody who comes and goes: a new person for each trip.
#[derive(Debug)]
struct Walker {
    id: TrackId,
    /// Those with the same group walk together.
    group: u64,
    trips: u64,
    trip: Trip,
    /// Metres aside of the group's way.
    aside: (f32, f32),
    looks: Looks,
}

#[derive(Debug)]
struct Driver {
    id: TrackId,
    timetable: Timetable,
    pass: u64,
    model: Model,
}

/// Something to be painted, or that hides something.
enum Thing<'a> {
    Person(&'a Looks, Pose),
    Car(&'a Model, Drive),
    Post(&'a Post),
}

/// A thing with its depth and, unless it is a post, what the truth says of it.
struct Placed<'a> {
    thing: Thing<'a>,
    depth: f32,
    rect: Rect,
    /// The part of `rect` that hides what is behind it.
    core: Rect,
    id: Option<TrackId>,
}

impl Street {
    /// A street at its first picture.
    pub fn new(config: StreetConfig) -> Self {
        let view = View::new(config.size);
        let mut street = Self {
            view,
            frame: 0,
            walkers: Vec::new(),
            drivers: Vec::new(),
            next_id: 1,
            classes: [ClassName::new("person"), ClassName::new("car")],
            posts: backdrop::posts(),
            studio: None,
            config,
        };
        let seed = street.config.seed;
        let mut random = Random::new(&[seed, 2]);
        let mut group = 0;
        for slot in 0..u64::from(street.config.people) {
            let alone = slot == 0 || slot - group >= 2 || !random.chance(0.3);
            if alone {
                group = slot;
            }
            let mut trip = Trip::walk(&mut Random::new(&[seed, 4, group, 0]), &view, 0.0);
            // The first trip is under way already when the first picture is taken.
            let passed = Random::new(&[seed, 5, group]).between(0.08, 0.75);
            trip.start = -f64::from(passed) * trip.seconds();
            let behind = (slot - group) as f32;
            let aside = (-0.62 * behind, if behind as u64 % 2 == 1 { 0.45 } else { -0.35 });
            let looks = Looks::new(&mut Random::new(&[seed, 6, slot, 0]));
            let id = street.new_id();
            street.walkers.push(Walker { id, group, trips: 0, trip, aside, looks });
        }
        for index in 0..street.config.cars {
            let timetable = Timetable::new(seed, index, street.config.cars, &view);
            let pass = timetable.pass(0.0);
            let model = Model::new(&mut Random::new(&[seed, 7, u64::from(index), pass]));
            let id = street.new_id();
            street.drivers.push(Driver { id, timetable, pass, model });
        }
        street
    }

    /// What the street was made from.
    pub fn config(&self) -> &StreetConfig {
        &self.config
    }

    /// Paints the next picture into `image`, whatever it held and whatever size it had, and
    /// says what is in it.
    pub fn next(&mut self, image: &mut YuvImage) -> Truth {
        let (frame, time) = self.advance();
        let seed = self.config.seed;
        let mut studio = self.studio.take().unwrap_or_else(|| Box::new(Studio::new(&self.config)));
        image.copy_from(&studio.backdrop.view());
        let placed = self.place(time);
        let mut canvas = studio.painter.on(image);
        for item in &placed {
            item.paint(&mut canvas, &self.view);
        }
        let truth = self.truth(frame, time, &placed);
        studio.expose(image, &self.config, frame, time, seed);
        if self.config.clock {
            studio.stamp(image, frame, time);
        }
        self.studio = Some(studio);
        truth
    }

    /// What is in the next picture, without painting it.
    pub fn next_truth(&mut self) -> Truth {
        let (frame, time) = self.advance();
        let placed = self.place(time);
        self.truth(frame, time, &placed)
    }

    /// Lets time pass until the next picture. Returns its number and its time in seconds.
    fn advance(&mut self) -> (u64, f64) {
        let frame = self.frame;
        self.frame += 1;
        let time = frame as f64 / self.config.fps;
        let seed = self.config.seed;
        for index in 0..self.walkers.len() {
            while let Some(walker) = self.walkers.get_mut(index) {
                let end = walker.trip.start + walker.trip.seconds();
                if time < end {
                    break;
                }
                walker.trips += 1;
                let (group, trips) = (walker.group, walker.trips);
                walker.trip =
                    Trip::walk(&mut Random::new(&[seed, 4, group, trips]), &self.view, end);
                walker.looks = Looks::new(&mut Random::new(&[seed, 6, index as u64, trips]));
                let id = TrackId(self.next_id);
                self.next_id += 1;
                walker.id = id;
            }
        }
        for (index, driver) in (0u64..).zip(&mut self.drivers) {
            let pass = driver.timetable.pass(time);
            if pass != driver.pass {
                driver.pass = pass;
                driver.model = Model::new(&mut Random::new(&[seed, 7, index, pass]));
                driver.id = TrackId(self.next_id);
                self.next_id += 1;
            }
        }
        (frame, time)
    }

    fn new_id(&mut self) -> TrackId {
        let id = TrackId(self.next_id);
        self.next_id += 1;
        id
    }

    /// Everything that moves or hides, farthest first.
    fn place(&self, time: f64) -> Vec<Placed<'_>> {
        let people = self.walkers.iter().filter_map(|walker| {
            let mut stride = walker.trip.at(time)?;
            // Whoever came behind goes in front when the group turns round: nobody jumps.
            stride.place.x += walker.aside.0 * walker.trip.heading();
            stride.place.z += walker.aside.1;
            let pose = Pose::new(&walker.looks, stride);
            let rect = pose.rect(&self.view);
            // Arms and legs leave much of the box's sides free.
            let core = Rect::from_center(rect.center(), rect.width * 0.6, rect.height);
            let depth = stride.place.z;
            let thing = Thing::Person(&walker.looks, pose);
            Some(Placed { thing, depth, rect, core, id: Some(walker.id) })
        });
        let cars = self.drivers.iter().map(|driver| {
            let drive = driver.timetable.at(time, &self.view);
            let rect = driver.model.rect(&drive, &self.view);
            let core = Rect::from_center(rect.center(), rect.width * 0.94, rect.height * 0.9);
            let depth = driver.model.near_side(&drive);
            Placed {
                thing: Thing::Car(&driver.model, drive),
                depth,
                rect,
                core,
                id: Some(driver.id),
            }
        });
        let posts = self.posts.iter().map(|post| {
            let rect = post.rect(&self.view);
            Placed { thing: Thing::Post(post), depth: post.z, rect, core: rect, id: None }
        });
        let mut placed: Vec<Placed<'_>> = people.chain(cars).chain(posts).collect();
        placed.sort_by(|a, b| b.depth.total_cmp(&a.depth));
        placed
    }

    fn truth(&self, frame: u64, time: f64, placed: &[Placed<'_>]) -> Truth {
        let objects = placed.iter().enumerate().filter_map(|(index, item)| {
            let class = match item.thing {
                Thing::Person(..) => 0,
                Thing::Car(..) => 1,
                Thing::Post(_) => return None,
            };
            let nearer = placed.get(index + 1..).unwrap_or_default();
            let visible = visible(&item.rect, nearer);
            Some(TruthObject {
                id: item.id?,
                class: self.classes.get(class)?.clone(),
                rect: item.rect,
                visible,
            })
        });
        Truth { frame, media: MediaTime::from_secs_f64(time), objects: objects.collect() }
    }
}

impl Placed<'_> {
    fn paint(&self, canvas: &mut Canvas<'_>, view: &View) {
        match &self.thing {
            Thing::Person(looks, pose) => pose.paint(canvas, view, looks),
            Thing::Car(model, drive) => model.paint(canvas, drive, view),
            Thing::Post(post) => post.paint(canvas, view),
        }
    }
}

/// The share of `rect` that is inside the picture and not behind the cores of `nearer`.
fn visible(rect: &Rect, nearer: &[Placed<'_>]) -> f32 {
    const ACROSS: usize = 9;
    const DOWN: usize = 15;
    let hiding: Vec<&Rect> =
        nearer.iter().map(|item| &item.core).filter(|core| core.intersection(rect) > 0.0).collect();
    let mut seen = 0;
    for row in 0..DOWN {
        let y = rect.top + rect.height * (row as f32 + 0.5) / DOWN as f32;
        for column in 0..ACROSS {
            let x = rect.left + rect.width * (column as f32 + 0.5) / ACROSS as f32;
            let inside = (0.0..1.0).contains(&x) && (0.0..1.0).contains(&y);
            let hidden = hiding.iter().any(|core| {
                (core.left..core.right()).contains(&x) && (core.top..core.bottom()).contains(&y)
            });
            seen += usize::from(inside && !hidden);
        }
    }
    seen as f32 / (ACROSS * DOWN) as f32
}

impl Studio {
    fn new(config: &StreetConfig) -> Self {
        let backdrop = backdrop::paint(config.size, &View::new(config.size), config.seed);
        let mut random = Random::new(&[config.seed, 8]);
        let noise = (0..NOISE).map(|_| (random.normal() * config.noise).round() as i8).collect();
        Self { backdrop, painter: Painter::new(), noise }
    }

    /// The light of the moment and the sensor's noise.
    fn expose(
        &self,
        image: &mut YuvImage,
        config: &StreetConfig,
        frame: u64,
        time: f64,
        seed: u64,
    ) {
        let wave = (time / LIGHT_PERIOD * std::f64::consts::TAU).sin();
        // In 1/1024. With samples in 1/64 the upper half of the 32-bit product is the result,
        // which processors compute for 8 samples at once.
        let gain = (1024.0 * (1.0 + f64::from(config.light) * wave)).round() as i16;
        if gain == 1024 && config.noise <= 0.0 {
            return;
        }
        let width = image.size().width as usize;
        let mut random = Random::new(&[seed, 9, frame]);
        let [luma, ..] = image.planes_mut();
        for row in luma.chunks_exact_mut(width) {
            let start = random.bits() as usize % (self.noise.len() - width.min(NOISE / 2));
            let noise = self.noise.get(start..).unwrap_or_default();
            for (sample, &noise) in row.iter_mut().zip(noise) {
                let fine = (i16::from(*sample) - 16) << 6;
                let lit = ((i32::from(fine) * i32::from(gain)) >> 16) as i16;
                *sample = (lit + 16 + i16::from(noise)).clamp(0, 255) as u8;
            }
        }
    }

    fn stamp(&mut self, image: &mut YuvImage, frame: u64, time: f64) {
        let millis = (time * 1000.0).round() as u64;
        let (minutes, seconds) = (millis / 60_000, millis / 1000 % 60);
        let text = format!("{minutes:02}:{seconds:02}.{:03}  #{frame}", millis % 1000);
        let style =
            LabelStyle { size: 22.0, text: Color::WHITE, background: Color::BLACK, opacity: 0.6 };
        self.painter.on(image).label(Point::new(0.01, 0.985), Anchor::BottomLeft, &text, &style);
    }
}
