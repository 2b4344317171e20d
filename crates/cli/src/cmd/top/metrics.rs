//! Prometheus' text format, as far as it is needed to read one's own metrics.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::collections::BTreeMap;

/// All samples of one answer of `/metrics`.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    samples: Vec<Sample>,
}

#[derive(Clone, Debug, PartialEq)]
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: f64,
}

impl Metrics {
    /// What `text` says. Lines that are none of the format are left out.
    pub(super) fn parse(text: &str) -> Self {
        Self { samples: text.lines().filter_map(sample).collect() }
    }

    /// Sum of the samples of this name that have all `labels`; none where there is none. As in
    /// Prometheus, a label that is not there is empty.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut found = self.samples.iter().filter(|s| s.name == name && s.has(labels)).peekable();
        found.peek()?;
        Some(found.map(|sample| sample.value).sum())
    }

    /// What the metrics whose names begin with `prefix` speak of, by their labels other than
    /// the reason: each with the names that it has.
    pub(super) fn subjects(&self, prefix: &str) -> BTreeMap<Vec<(&str, &str)>, Vec<&str>> {
        let mut subjects: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for sample in self.samples.iter().filter(|sample| sample.name.starts_with(prefix)) {
            // A histogram's shape is for dashboards.
            if ["_bucket", "_sum", "_count"].iter().any(|end| sample.name.ends_with(end)) {
                continue;
            }
            let labels = sample.labels.iter().filter(|(name, _)| name != "reason");
            let subject: Vec<_> = labels.map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let names = subjects.entry(subject).or_default();
            if !names.contains(&sample.name.as_str()) {
                names.push(sample.name.as_str());
            }
        }
        for names in subjects.values_mut() {
            names.sort_unstable();
        }
        subjects
    }
}

impl Sample {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.label(name).unwrap_or_default() == *value)
    }
}

/// `name{label="value",…} number`
fn sample(line: &str) -> Option<Sample> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let (name, labels, rest) = match line.split_once('{') {
        Some((name, rest)) => {
            let (labels, rest) = labels(rest)?;
            (name, labels, rest)
        }
        None => {
            let (name, rest) = line.split_once(' ')?;
            (name, Vec::new(), rest)
        }
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.trim().to_owned(), labels, value })
}

/// The labels up to the closing brace, and what stands behind it.
fn labels(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, behind));
        }
        let (name, behind) = rest.split_once("=\"")?;
        let (value, behind) = quoted(behind)?;
        labels.push((name.trim().to_owned(), value));
        rest = behind;
    }
}

/// The text up to the closing quote, and what stands behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_are_read_with_their_labels() {
        let metrics = Metrics::parse(
            "# HELP a what\n# TYPE a counter\na{camera=\"x\",line=\"to \\\"b\\\"}, {\"} 3\n\
             a{camera=\"y\"} 4 1700000000\nb 1.5e3\nnothing\n\nc{broken 4\n",
        );
        assert_eq!(metrics.sum("a", &[]), Some(7.0));
        assert_eq!(metrics.sum("a", &[("camera", "y")]), Some(4.0));
        assert_eq!(metrics.sum("a", &[("line", "to \"b\"}, {")]), Some(3.0));
        assert_eq!(metrics.sum("b", &[]), Some(1500.0));
        assert_eq!(metrics.sum("c", &[]), None);
        assert_eq!(metrics.sum("a", &[("camera", "y"), ("line", "")]), Some(4.0));
        assert_eq!(metrics.sum("a", &[("line", "")]), Some(4.0));
    }

    #[test]
    fn what_metrics_speak_of_is_found_whatever_they_are_called() {
        let metrics = Metrics::parse(
            "omma_sink_sent_total{sink=\"shop\"} 3\nomma_sink_waiting{sink=\"shop\"} 1\n\
             omma_sink_failed_total{sink=\"shop\",reason=\"refused\"} 1\n\
             omma_sink_failed_total{sink=\"shop\",reason=\"away\"} 1\n\
             omma_sink_seconds_bucket{sink=\"shop\",le=\"1\"} 1\nomma_sink_waiting{sink=\"a\"} 0\n",
        );
        let subjects: Vec<_> = metrics.subjects("omma_sink_").into_iter().collect();
        let shop = vec!["omma_sink_failed_total", "omma_sink_sent_total", "omma_sink_waiting"];
        let a = (vec![("sink", "a")], vec!["omma_sink_waiting"]);
        assert_eq!(subjects, [a, (vec![("sink", "shop")], shop)]);
    }

    proptest! {
        #[test]
        fn whatever_a_server_says_is_survived(text in ".{0,200}") {
            drop(Metrics::parse(&text));
        }
    }
}
