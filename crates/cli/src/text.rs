//! Values as people type and read them.

use std::time::Duration;

use omma_engine::config::Rate;
use omma_rules::{Line, Zone};
use omma_types::Point;

/// `NAME=x1,y1,x2,y2` in fractions of the picture.
pub(crate) fn parse_line(text: &str) -> Result<Line, String> {
    let (name, points) = named_points(text)?;
    let [from, to] = points.as_slice() else {
        return Err(format!(
            "a line has two points: NAME=x1,y1,x2,y2; `{text}` has {}",
            points.len()
        ));
    };
    Line::new(name, *from, *to).map_err(|error| error.to_string())
}

/// `NAME=x1,y1,x2,y2,x3,y3,…` in fractions of the picture.
pub(crate) fn parse_zone(text: &str) -> Result<Zone, String> {
    let (name, points) = named_points(text)?;
    Zone::new(name, points).map_err(|error| error.to_string())
}

fn named_points(text: &str) -> Result<(&str, Vec<Point>), String> {
    let (name, numbers) =
        text.split_once('=').ok_or_else(|| format!("`{text}` has no name: NAME=x1,y1,…"))?;
    let numbers: Vec<f32> = numbers
        .split(',')
        .map(|text| text.trim().parse().map_err(|_not_one| format!("`{text}` is no number")))
        .collect::<Result<_, _>>()?;
    if !numbers.len().is_multiple_of(2) {
        return Err(format!("`{text}` has a number too many: points are pairs x,y"));
    }
    Ok((name, numbers.chunks_exact(2).map(|pair| Point::new(pair[0], pair[1])).collect()))
}

/// A number above 0, `all`, or `keyframes`.
pub(crate) fn parse_rate(text: &str) -> Result<Rate, String> {
    match text {
        "all" => Ok(Rate::All),
        "keyframes" => Ok(Rate::Keyframes),
        number => match number.parse::<f64>() {
            Ok(fps) if fps > 0.0 && fps <= 1000.0 => Ok(Rate::Fps(fps)),
            _ => Err("expected a number above 0 and up to 1000, `all` or `keyframes`".to_owned()),
        },
    }
}

/// A score between 0 and 1.
pub(crate) fn parse_score(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(score) if (0.0..=1.0).contains(&score) => Ok(score),
        _ => Err("expected a number between 0 and 1".to_owned()),
    }
}

/// `1:05` or `12.3 s`.
pub(crate) fn short_duration(duration: Duration) -> String {
    let secs = duration.as_secs_f64();
    match secs {
        s if s < 0.0995 => format!("{:.1} ms", s * 1e3),
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 3600.0 => format!("{}:{:02} min", s as u64 / 60, s as u64 % 60),
        s => format!("{}:{:02} h", s as u64 / 3600, s as u64 / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_zones_are_read_and_mistakes_named() {
        let line = parse_line("door=0.1,0.2,0.3,0.4").unwrap();
        assert_eq!((line.name(), line.to()), ("door", Point::new(0.3, 0.4)));
        assert!(parse_line("0.1,0.2,0.3,0.4").unwrap_err().contains("no name"));
        assert!(parse_line("door=0.1,0.2,0.3").unwrap_err().contains("pairs"));
        assert!(parse_line("door=a,0.2,0.3,0.4").unwrap_err().contains("`a` is no number"));
        assert!(parse_line("door=0.5,0.5,0.5,0.5").is_err());
        assert!(parse_zone("till=0,0,1,1,1,0,0,1").is_err(), "edges cross");
        assert_eq!(parse_zone("till=0,0,1,0,1,1").unwrap().polygon().len(), 3);
    }

    #[test]
    fn durations_are_short() {
        let cases =
            [(0.0123, "12.3 ms"), (12.34, "12.3 s"), (65.0, "1:05 min"), (3700.0, "1:01 h")];
        for (secs, text) in cases {
            assert_eq!(short_duration(Duration::from_secs_f64(secs)), text);
        }
    }
}
