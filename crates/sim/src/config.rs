//! The description of a street, as it stands in a camera's address.

use std::str::FromStr;

use omma_types::Size;

use crate::SimError;

/// A street: `sim:street?people=6&cars=2&seed=1&size=1280x720&fps=25`, all parts optional.
#[derive(Clone, Debug, PartialEq)]
pub struct StreetConfig {
    /// People on their way, 0 to 60.
    pub people: u32,
    /// Vehicles on their way, 0 to 12.
    pub cars: u32,
    /// What all chance depends on.
    pub seed: u64,
    /// Size of the pictures, 160x120 to 3840x2160, both even.
    pub size: Size,
    /// Pictures a second, 0.5 to 120.
    pub fps: f64,
    /// Standard deviation of the sensor's noise in luma, 0 to 20.
    pub noise: f32,
    /// How much the light rises and falls within a minute, 0 to 0.5 of its mean.
    pub light: f32,
    /// Whether the picture's time and number are written into its corner.
    pub clock: bool,
    /// Whether the time of day is to be put into the picture for programs; see [`crate::stamp`].
    pub stamp: bool,
}

impl Default for StreetConfig {
    fn default() -> Self {
        Self {
            people: 6,
            cars: 2,
            seed: 1,
            size: Size::new(1280, 720),
            fps: 25.0,
            noise: 1.5,
            light: 0.02,
            clock: false,
            stamp: false,
        }
    }
}

impl StreetConfig {
    /// Reads an address such as `sim:street?people=3`.
    ///
    /// # Errors
    /// [`SimError`], which names the part that can't be used.
    pub fn from_url(url: &str) -> Result<Self, SimError> {
        let scene = url.strip_prefix("sim:").unwrap_or(url);
        let (name, query) = scene.split_once('?').unwrap_or((scene, ""));
        if name != "street" {
            return Err(SimError::UnknownScene { name: name.chars().take(40).collect() });
        }
        query.parse()
    }
}

impl FromStr for StreetConfig {
    type Err = SimError;

    /// Reads the part behind the question mark: `people=3&cars=0`.
    fn from_str(query: &str) -> Result<Self, SimError> {
        let mut config = Self::default();
        let mut seen: Vec<&'static str> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let key = config.set(key, value)?;
            if seen.contains(&key) {
                return Err(SimError::Repeated { key });
            }
            seen.push(key);
        }
        Ok(config)
    }
}

impl StreetConfig {
    /// Sets one option and returns its name.
    fn set(&mut self, key: &str, value: &str) -> Result<&'static str, SimError> {
        Ok(match key {
            "people" => {
                let expected = "a whole number from 0 to 60";
                self.people = number("people", value, expected, |n: &u32| *n <= 60)?;
                "people"
            }
            "cars" => {
                let expected = "a whole number from 0 to 12";
                self.cars = number("cars", value, expected, |n: &u32| *n <= 12)?;
                "cars"
            }
            "seed" => {
                let expected = "a whole number from 0 to 18446744073709551615";
                self.seed = number("seed", value, expected, |_| true)?;
                "seed"
            }
            "size" => {
                self.size = size(value)?;
                "size"
            }
            "fps" => {
                let expected = "pictures a second from 0.5 to 120";
                self.fps = number("fps", value, expected, |n| (0.5..=120.0).contains(n))?;
                "fps"
            }
            "noise" => {
                let expected = "a number from 0 to 20";
                self.noise = number("noise", value, expected, |n| (0.0..=20.0).contains(n))?;
                "noise"
            }
            "light" => {
                let expected = "a number from 0 to 0.5";
                self.light = number("light", value, expected, |n| (0.0..=0.5).contains(n))?;
                "light"
            }
            "clock" => {
                self.clock = number("clock", value, "true or false", |_| true)?;
                "clock"
            }
            "stamp" => {
                self.stamp = number("stamp", value, "true or false", |_| true)?;
                "stamp"
            }
            _ => return Err(SimError::UnknownKey { key: key.chars().take(40).collect() }),
        })
    }
}

fn bad(key: &'static str, value: &str, expected: &'static str) -> SimError {
    SimError::BadValue { key, value: value.chars().take(40).collect(), expected }
}

fn number<T: FromStr>(
    key: &'static str,
    value: &str,
    expected: &'static str,
    fits: impl Fn(&T) -> bool,
) -> Result<T, SimError> {
    value.parse().ok().filter(fits).ok_or_else(|| bad(key, value, expected))
}

fn size(value: &str) -> Result<Size, SimError> {
    let even = |side: &str, least: u32, most: u32| {
        side.parse().ok().filter(|n| (least..=most).contains(n) && n % 2 == 0)
    };
    value
        .split_once('x')
        .and_then(|(width, height)| {
            Some(Size::new(even(width, 160, 3840)?, even(height, 120, 2160)?))
        })
        .ok_or_else(|| bad("size", value, "WIDTHxHEIGHT, even, from 160x120 to 3840x2160"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_full_address_is_read() {
        let url = "sim:street?people=9&cars=0&seed=7&size=640x360&fps=12.5&noise=0&light=0.1&clock=true\
             &stamp=true";
        let wanted = StreetConfig {
            people: 9,
            cars: 0,
            seed: 7,
            size: Size::new(640, 360),
            fps: 12.5,
            noise: 0.0,
            light: 0.1,
            clock: true,
            stamp: true,
        };
        assert_eq!(StreetConfig::from_url(url), Ok(wanted));
        assert_eq!(StreetConfig::from_url("sim:street"), Ok(StreetConfig::default()));
        assert_eq!(StreetConfig::from_url("street?"), Ok(StreetConfig::default()));
    }

    #[test]
    fn mistakes_are_named() {
        for (url, part) in [
            ("sim:beach", "`beach`"),
            ("sim:street?poeple=3", "`poeple`"),
            ("sim:street?people=61", "from 0 to 60"),
            ("sim:street?people=-1", "`-1`"),
            ("sim:street?cars=many", "`many`"),
            ("sim:street?size=641x360", "even"),
            ("sim:street?size=100000x100000", "3840x2160"),
            ("sim:street?size=640", "WIDTHxHEIGHT"),
            ("sim:street?fps=0", "0.5 to 120"),
            ("sim:street?fps=NaN", "`NaN`"),
            ("sim:street?noise=inf", "`inf`"),
            ("sim:street?clock=1", "true or false"),
            ("sim:street?stamp=yes", "true or false"),
            ("sim:street?people=1&people=2", "twice"),
        ] {
            let error = StreetConfig::from_url(url).unwrap_err();
            assert!(error.to_string().contains(part), "{url}: {error}");
        }
        assert_eq!(
            StreetConfig::from_url("sim:x").unwrap_err().kind(),
            omma_types::ErrorKind::NotFound
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z=&0-9.x-]{0,40}") {
            if let Ok(config) = text.parse::<StreetConfig>() {
                prop_assert!(config.people <= 60 && config.cars <= 12);
            }
        }
    }
}
