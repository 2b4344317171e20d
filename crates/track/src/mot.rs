//! The text form of MOTChallenge (<https://motchallenge.net/instructions/>): one row a box,
//! numbers separated by commas.
//!
//! Detections and results are `frame, id, left, top, width, height, score, x, y, z`; ground
//! truth has a flag in the place of the score (rows with flag 0 do not count) and, in MOT16
//! and MOT17, the class in column 8 of 9 (1 = pedestrian). Frames count from 1, boxes are in
//! pixels. They stay `f64` here: the metrics compare overlaps with fixed thresholds, where the
//! rounding of a shorter number can flip an answer.

use std::fmt::Write as _;

use omma_types::{ClassName, Detection, Rect};

use crate::TrackError;

/// One row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// The frame, from 1.
    pub frame: u32,
    /// The object's id; -1 in detections.
    pub id: i64,
    /// Left edge in pixels.
    pub left: f64,
    /// Top edge in pixels.
    pub top: f64,
    /// Width in pixels, not negative.
    pub width: f64,
    /// Height in pixels, not negative.
    pub height: f64,
    /// The detector's score, on whatever scale it has; 1 where the row ends before it.
    pub score: f64,
}

impl Row {
    /// The box, in pixels.
    pub fn rect(&self) -> Rect {
        Rect::new(self.left as f32, self.top as f32, self.width as f32, self.height as f32)
    }

    /// This row as a detection of `class`, its box in pixels.
    pub fn detection(&self, class: &ClassName) -> Detection {
        Detection { rect: self.rect(), class: class.clone(), score: self.score as f32 }
    }

    /// The row of an object with its box in pixels.
    pub fn new(frame: u32, id: i64, rect: Rect, score: f32) -> Self {
        Self {
            frame,
            id,
            left: f64::from(rect.left),
            top: f64::from(rect.top),
            width: f64::from(rect.width),
            height: f64::from(rect.height),
            score: f64::from(score),
        }
    }
}

/// Reads detections or results, sorted by frame (rows of one frame keep their order). Empty
/// lines are skipped.
///
/// # Errors
/// [`TrackError::Line`] for a line with fewer than 6 columns, with something that is no finite
/// number, with a frame that is not a whole number from 1 on, or a negative extent.
pub fn parse(text: &str) -> Result<Vec<Row>, TrackError> {
    parse_where(text, |_| true)
}

/// Reads ground truth like [`parse`], and keeps the rows that count: flag 1, and class 1
/// (pedestrian) in rows of 9 columns.
///
/// # Errors
/// As [`parse`]; also for a row that ends before its flag.
pub fn parse_truth(text: &str) -> Result<Vec<Row>, TrackError> {
    let mut short = None;
    let rows = parse_where(text, |line| {
        if line.count < 7 {
            short.get_or_insert(line.number);
        }
        line.values[6] == 1.0 && (line.count != 9 || line.values[7] == 1.0)
    })?;
    match short {
        Some(line) => Err(TrackError::Line {
            line,
            reason: "expected at least 7 columns, the 7th being the flag of ground truth".into(),
        }),
        None => Ok(rows),
    }
}

/// The numbers of one line; columns beyond the tenth are ignored.
struct Line {
    number: usize,
    count: usize,
    values: [f64; 10],
}

fn parse_where(text: &str, mut keep: impl FnMut(&Line) -> bool) -> Result<Vec<Row>, TrackError> {
    let mut rows = Vec::new();
    for (index, text) in text.lines().enumerate() {
        if text.trim().is_empty() {
            continue;
        }
        let number = index + 1;
        let fail = |reason: String| TrackError::Line { line: number, reason };
        let mut line = Line { number, count: 0, values: [0.0; 10] };
        line.values[6] = 1.0;
        for column in text.split(',') {
            if let Some(value) = line.values.get_mut(line.count) {
                let column = column.trim();
                let parsed = column.parse::<f64>().ok().filter(|v| v.is_finite());
                *value = parsed.ok_or_else(|| {
                    let shown: String = column.chars().take(40).collect();
                    fail(format!("column {}: `{shown}` is not a finite number", line.count + 1))
                })?;
            }
            line.count += 1;
        }
        let [frame, id, left, top, width, height, score, ..] = line.values;
        if line.count < 6 {
            return Err(fail(format!(
                "{} columns; expected frame, id, left, top, width, height, ...",
                line.count
            )));
        }
        if frame.fract() != 0.0 || !(1.0..=f64::from(u32::MAX)).contains(&frame) {
            return Err(fail(format!("frame {frame} is not a whole number from 1 on")));
        }
        if id.fract() != 0.0 || id.abs() > 9e15 {
            return Err(fail(format!("id {id} is not a whole number")));
        }
        if width < 0.0 || height < 0.0 {
            return Err(fail(format!("a box of {width} x {height} has a negative extent")));
        }
        if keep(&line) {
            rows.push(Row { frame: frame as u32, id: id as i64, left, top, width, height, score });
        }
    }
    rows.sort_by_key(|row| row.frame);
    Ok(rows)
}

/// Writes results: `frame,id,left,top,width,height,score,-1,-1,-1`, pixels to a hundredth, one
/// line a row, in the order given.
pub fn write(rows: &[Row]) -> String {
    let mut text = String::with_capacity(rows.len() * 48);
    for r in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{},{},{:.2},{:.2},{:.2},{:.2},{:.4},-1,-1,-1",
            r.frame, r.id, r.left, r.top, r.width, r.height, r.score
        );
    }
    text
}
