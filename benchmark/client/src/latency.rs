//! Times that were measured, and their summary.

use std::time::Duration;

/// Durations of one kind, in the order of their arrival.
#[derive(Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub fn push(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The members `NAME_p50`, `NAME_p99`, `NAME_p999` and `NAME_max` of a JSON object, in milliseconds; null
    /// where nothing was measured.
    pub fn to_json(&self, name: &str) -> String {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |share: f64| {
            let last = sorted.len().checked_sub(1)?;
            sorted.get((last as f64 * share).round() as usize)
        };
        let json = |latency: Option<&Duration>| {
            latency.map_or_else(
                || "null".to_owned(),
                |d| format!("{:.3}", d.as_secs_f64() * 1e3),
            )
        };
        let (p50, p99, p999) = (json(at(0.5)), json(at(0.99)), json(at(0.999)));
        let max = json(at(1.0));
        format!(
            "\"{name}_p50\":{p50},\"{name}_p99\":{p99},\"{name}_p999\":{p999},\"{name}_max\":{max}"
        )
    }
}
