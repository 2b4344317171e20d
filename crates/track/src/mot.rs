//! The text form of MOTChallenge (<https://motchallenge.net/instructions/>): one row a box,
//! numbers separated by commas.
//!
//! Detections and results are `frame, id, left, top, width, height, score, x, y, z`; ground
//! truth has a flag in the place of the score (rows with flag 0 do not count) and, in MOT16
//! and MOT17, the class in column 8 of 9 (1 = pedestrian). Frames count from 1, boxes are in
//! pixels. They stay `f64` here: the metrics compare overlaps with fixed thresholds, where the
//! rounding of a shorter number can flip an answer.

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
        text += &format!(
            "{},{},{:.2},{:.2},{:.2},{:.2},{:.4},-1,-1,-1\n",
            r.frame, r.id, r.left, r.top, r.width, r.height, r.score
        );
    }
    text
}

/// Brings scores of any scale to 0..=1, so that the tracker's two score bands mean something.
///
/// Scores within 0..=1 stay as they are. Otherwise (older detectors give margins, logits,
/// 0..100) only their order is known: a row whose score is reached by the share `q` of all rows
/// gets `sqrt(q)`, so that about the best two thirds of the rows may start tracks with the
/// tracker's defaults. Equal scores all become 1.
pub fn unify_scores(rows: &mut [Row]) {
    if rows.iter().all(|row| (0.0..=1.0).contains(&row.score)) {
        return;
    }
    let mut sorted: Vec<f64> = rows.iter().map(|row| row.score).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    for row in rows {
        let reached = sorted.partition_point(|score| *score <= row.score);
        row.score = (reached as f64 / sorted.len() as f64).sqrt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_read_and_sorted_by_frame() {
        let text = "2,-1,10,20,30,40,0.5,-1,-1,-1\r\n\n1, 7, 1.5, 2, 3, 4\n2,8,0,0,1,1,1\n";
        let rows = parse(text).unwrap();
        let short: Vec<_> = rows.iter().map(|r| (r.frame, r.id, r.left, r.score)).collect();
        assert_eq!(short, [(1, 7, 1.5, 1.0), (2, -1, 10.0, 0.5), (2, 8, 0.0, 1.0)]);
    }

    #[test]
    fn truth_keeps_the_rows_that_count() {
        let mot15 = "1,1,0,0,5,5,1,3.2,1.5,0\n1,2,0,0,5,5,0,3.2,1.5,0\n";
        assert_eq!(parse_truth(mot15).unwrap().len(), 1);
        let mot17 = "1,1,0,0,5,5,1,1,0.9\n1,2,0,0,5,5,1,7,0.9\n1,3,0,0,5,5,0,1,0.9\n";
        let ids: Vec<_> = parse_truth(mot17).unwrap().iter().map(|r| r.id).collect();
        assert_eq!(ids, [1]);
    }

    #[test]
    fn mistakes_name_the_line_and_the_reason() {
        let cases = [
            ("1,1,0,0,5,5,1\n1,1,0,0,x,5,1", "line 2: column 5: `x` is not a finite number"),
            ("1,1,0,0,5", "line 1: 5 columns; expected frame, id, left, top, width, height, ..."),
            ("0,1,0,0,5,5", "line 1: frame 0 is not a whole number from 1 on"),
            ("1.5,1,0,0,5,5", "line 1: frame 1.5 is not a whole number from 1 on"),
            ("1,0.5,0,0,5,5", "line 1: id 0.5 is not a whole number"),
            ("1,1,0,0,-5,5", "line 1: a box of -5 x 5 has a negative extent"),
            ("1,1,0,0,inf,5", "line 1: column 5: `inf` is not a finite number"),
            ("frame,id,bb_left", "line 1: column 1: `frame` is not a finite number"),
        ];
        for (text, message) in cases {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
        let error = parse_truth("1,1,0,0,5,5").unwrap_err();
        assert!(error.to_string().starts_with("line 1: expected at least 7 columns"), "{error}");
    }

    #[test]
    fn scores_of_other_scales_keep_their_order() {
        let rows = |scores: &[f64]| -> Vec<Row> {
            scores
                .iter()
                .map(|s| Row::new(1, -1, Rect::new(0.0, 0.0, 1.0, 1.0), *s as f32))
                .collect()
        };
        let unified = |scores: &[f64]| {
            let mut rows = rows(scores);
            unify_scores(&mut rows);
            rows.iter().map(|row| row.score).collect::<Vec<_>>()
        };
        assert_eq!(unified(&[0.0, 0.25, 1.0]), [0.0, 0.25, 1.0]);
        assert_eq!(unified(&[-1.0, -1.0]), [1.0, 1.0]);
        assert_eq!(unified(&[90.0, -4.0, 17.0, 30.0]), [1.0, 0.5, 0.5f64.sqrt(), 0.75f64.sqrt()]);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            cells in proptest::collection::vec((1u32..99, 1i64..99, -500i32..500, 0i32..500), 0..20),
        ) {
            let mut rows: Vec<Row> = cells
                .iter()
                .map(|&(frame, id, at, extent)| {
                    let (at, extent) = (f64::from(at) / 4.0, f64::from(extent) / 4.0);
                    Row { frame, id, left: at, top: -at, width: extent, height: 2.0, score: 0.5 }
                })
                .collect();
            rows.sort_by_key(|row| row.frame);
            prop_assert_eq!(parse(&write(&rows)).unwrap(), rows);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "([1-9],[0-9],[0-9],-?[0-9],[0-9.]{1,3},[0-9](,[01])?\n){0,5}|[0-9,.\\-e\n ]{0,200}|.{0,80}") {
            match (parse(&text), parse_truth(&text)) {
                (Ok(rows), Ok(truth)) => {
                    prop_assert!(truth.len() <= rows.len());
                    prop_assert!(rows.iter().all(|r| r.frame >= 1 && r.width >= 0.0));
                    prop_assert!(rows.is_sorted_by_key(|r| r.frame));
                }
                // Ground truth asks for more than detections do.
                (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("flag")),
                (Err(error), truth) => prop_assert_eq!(truth, Err(error)),
            }
        }
    }
}
